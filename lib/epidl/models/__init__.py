"""What predicts: linear models, kernels, pairs and networks, how they are trained, and what theory
expects of them.
"""
