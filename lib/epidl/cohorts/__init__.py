"""What is studied: genotypes, simulated and read cohorts, and who trains and who is scored."""
