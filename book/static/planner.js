// The planner's page: the same numbers as lib/epidl/planner/planning.py, from the same surface.json (tests/test_book_planner.py
// compares them), written where a reader changes an input, with the choice kept in the page's address.
(() => {
  const SPLIT = 0.85; // of the individuals that train
  const NORMAL_95 = 1.6448536269514722;
  const STEPS_PER_DECADE = 20;
  const MOST_SAMPLES = 1e7;
  const BATCH_SIZE = 128;
  const LEAST_SD = 0.005;
  const LEAST_R = 0.05;
  const MODELS = ["ridge", "kernel", "mlp", "pairs"];
  const FIELDS = ["n_samples", "n_markers", "n_qtl", "va_over_vg", "broad_sense_heritability"];
  let surface;

  // ---- closed forms: epidl.models.theory ----

  const clip = (value, low, high) => Math.min(high, Math.max(low, value));

  /** Fixed point of the variance that is left, by Newton's method from 1; features[c] may be infinite. */
  function reliability(n, shares, features) {
    const information = shares.map((share, c) => (n * share) / features[c]);
    let left = 1;
    const r2 = () => information.map((value) => (value > 0 ? value / (value + left) : 0));
    for (let step = 0; step < 100; step++) {
      const now = r2();
      let slope = 1, height = left - 1;
      information.forEach((value, c) => {
        if (value > 0) slope -= (now[c] * shares[c]) / (value + left);
        height += shares[c] * now[c];
      });
      left = clip(left - (slope > 1e-12 ? height / slope : 0), 0, 1);
    }
    return r2();
  }

  function linear(n, shares, features) {
    const r2 = reliability(n, shares, features);
    return Math.sqrt(clip(shares[0] * r2[0] + shares[1] * r2[1], 0, 1));
  }

  /** Complementary error function: its series for small x, its continued fraction for large. */
  function erfc(x) {
    if (x < 2.5) {
      let term = x, sum = x;
      for (let k = 1; k < 60; k++) {
        term *= (2 * x * x) / (2 * k + 1);
        sum += term;
      }
      return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
    }
    let fraction = 0;
    for (let k = 60; k > 0; k--) fraction = k / 2 / (x + fraction);
    return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
  }

  function sparsePairs(n, m, q, [additive, epistatic]) {
    const threshold = 2 * Math.log((m * (m - 1)) / 2 / 0.05);
    let left = 1, found = 0, t = 0, r2Additive = 0;
    for (let step = 0; step < 500; step++) {
      r2Additive = (n * additive) / (n * additive + m * left);
      t = epistatic > 1e-12 ? (threshold * left * q) / 2 / (n * epistatic) : 0;
      found = epistatic > 1e-12 ? erfc(Math.sqrt(t / 2)) + Math.sqrt((2 * t) / Math.PI) * Math.exp(-t / 2) : 0;
      left = Math.max(1 - additive * r2Additive - epistatic * found, 1 - additive - epistatic, 1e-9);
    }
    const known = n * epistatic * found;
    const estimated = known > 0 ? known / (known + (q / 2) * erfc(Math.sqrt(t / 2)) * left) : 0;
    return Math.sqrt(clip(additive * r2Additive + epistatic * found * estimated, 0, 1));
  }

  // ---- forecasts: epidl.planner ----

  function sharesOf(study) {
    const additive = study.broad_sense_heritability * study.va_over_vg;
    return [additive, study.broad_sense_heritability - additive];
  }

  function closedForms(study) {
    const n = SPLIT * study.n_samples, m = study.n_markers, pairs = (m * (m - 1)) / 2, shares = sharesOf(study);
    const [a, b, power] = surface.efficiency, aa = b * (m / study.n_qtl) ** power;
    return {
      ridge: linear(n, shares, [m, Infinity]),
      kernel: linear(n, shares, [m, pairs]),
      mlp: linear(n, shares, [m / a, pairs / aa]),
      pairs: sparsePairs(n, m, study.n_qtl, shares),
    };
  }

  function placeOf(study) {
    const n = SPLIT * study.n_samples, m = study.n_markers, [additive, epistatic] = sharesOf(study);
    return [
      (n * additive) / (n * additive + m),
      (n * epistatic) / (n * epistatic + (m * (m - 1)) / 2),
      epistatic / (additive + epistatic),
      additive + epistatic,
      study.n_qtl / m,
    ];
  }

  const squaredDistance = (one, other) => one.reduce((sum, value, i) => sum + (value - other[i]) ** 2, 0);

  function forecast(study) {
    const at = placeOf(study), closed = closedForms(study), [additive, epistatic] = sharesOf(study), found = {};
    const isTrained = study.n_samples <= surface.trained.n_samples && study.n_markers <= surface.trained.n_markers;
    for (const model of MODELS) {
      const [length, prior] = surface.smoothing[model];
      let weights = 0, residual = 0, excess = prior * surface.excess[model];
      for (const point of surface.points) {
        if (!(model in point.residual)) continue;
        const weight = Math.exp(-squaredDistance(at, point.place) / (2 * length ** 2));
        weights += weight;
        residual += weight * point.residual[model];
        excess += weight * point.excess[model];
      }
      const r = clip(closed[model] + residual / (weights + prior), 0, Math.sqrt(study.broad_sense_heritability));
      const variance = Math.max(excess / (weights + prior) + surface.excess_real[model], LEAST_SD ** 2);
      const scatter = (value) => (1 - value * value) ** 2 / ((1 - SPLIT) * study.n_samples);
      const sd = Math.sqrt(variance + scatter(r));
      // above a model's ceiling there is only the scatter of test individuals
      const most = Math.max(r, Math.sqrt(additive + (model === "ridge" ? 0 : epistatic)));
      const above = most + NORMAL_95 * Math.sqrt(scatter(most));
      found[model] = {
        pearson_r: r,
        low: clip(r - NORMAL_95 * sd, -1, 1),
        high: clip(Math.min(r + NORMAL_95 * sd, above), -1, 1),
        closed_form: closed[model],
        supported: weights >= surface.enough && study.n_samples >= surface.simulated.n_samples[0] &&
          (model !== "mlp" || isTrained),
      };
    }
    found.pairs.low = Math.min(found.pairs.low, found.ridge.low); // they may find none
    return found;
  }

  const isClear = (lead, model) => lead >= surface.clear[model];

  /** For each model but ridge, the first number of individuals at which its lead over ridge is clear; null for never. */
  function samplesNeeded(study) {
    const others = MODELS.slice(1), needed = Object.fromEntries(others.map((model) => [model, null]));
    const steps = Math.floor(STEPS_PER_DECADE * Math.log10(MOST_SAMPLES / study.n_samples));
    for (let step = 0; step <= steps && Object.values(needed).includes(null); step++) {
      const n = whole(study.n_samples * 10 ** (step / STEPS_PER_DECADE));
      const r = forecast({ ...study, n_samples: n });
      for (const model of others) {
        if (isClear(r[model].pearson_r - r.ridge.pearson_r, model)) needed[model] ??= n;
      }
    }
    return needed;
  }

  const whole = (value) => Math.floor(value + 0.5);
  const thousands = (n) => n.toLocaleString("en-US");
  const fill = (text, words) => text.replace(/\{(\w+)\}/g, (_, name) => words[name]);
  const decimals = (value) => (whole(value * 1e4) / 1e4).toFixed(4).replace(/\.?0+$/, "");

  function rounded(n) {
    const unit = 10 ** Math.max(0, String(n).length - 2);
    return thousands(whole(n / unit) * unit);
  }

  const isSearched = (study) => study.n_markers <= surface.most_screened;
  const isBound = (model, n) => model === "mlp" && n > surface.trained.n_samples;

  function choose(study, forecasts) {
    const r = {}, ahead = {}, clear = {};
    for (const model of MODELS) r[model] = forecasts[model].pearson_r;
    for (const model of MODELS.slice(1)) {
      ahead[model] = isClear(r[model] - r.ridge, model);
      clear[model] = ahead[model] && forecasts[model].supported;
    }
    clear.pairs = clear.pairs && isSearched(study);
    clear.kernel = ahead.kernel && (clear.kernel || clear.mlp); // its theory holds where the MLP was tried
    const spread = clear.kernel && r.kernel > r.ridge ? "kernel" : "ridge";
    const unproven = MODELS.slice(1).filter((model) => ahead[model] && !clear[model]).sort((a, b) => r[b] - r[a])[0];
    let kind = "ridge";
    if (clear.mlp && r.mlp > Math.max(r.kernel, clear.pairs ? r.pairs : 0) + surface.error.mlp) kind = "mlp";
    else if (clear.pairs && isClear(r.pairs - r[spread], "pairs")) kind = "pairs";
    else if (clear.kernel) kind = "kernel";
    if (!MODELS.some((model) => forecasts[model].supported)) kind = "outside";
    else if (Math.max(...Object.values(r)) < LEAST_R) kind = "nothing";
    else if (kind === "ridge" && unproven) {
      kind = unproven === "pairs" && !isSearched(study) ? "unscreened" : "unproven";
    }
    let network = clear.mlp ? "clear" : ahead.mlp ? "far" : "not";
    if (isBound("mlp", study.n_samples)) network = "beyond";
    else if (kind === "pairs" && clear.mlp && r.mlp > r[spread]) network = "between";
    return { kind, spread, network, unproven };
  }

  function answer(study, forecasts, needed) {
    const texts = surface.sentences, { kind, spread, network, unproven } = choose(study, forecasts), words = {};
    for (const model of MODELS) words[model] = forecasts[model].pearson_r.toFixed(2);
    const best = Math.max(...MODELS.map((model) => forecasts[model].pearson_r)).toFixed(2);
    Object.assign(words, { n: thousands(study.n_samples), best, later: laterWords(study, needed) });
    Object.assign(words, { spread: texts.in_text[spread], r_spread: words[spread] });
    if (unproven) Object.assign(words, { unproven: texts.in_text[unproven], r_unproven: words[unproven] });
    words.network = fill(texts[`network_${network}`], words);
    const lead = study.population ? surface.observed[study.population].lead : "";
    return fill(texts[kind], words) + lead;
  }

  function laterWords(study, needed) {
    const texts = surface.sentences;
    const found = MODELS.slice(1)
      .filter((model) => needed[model] && (model !== "pairs" || isSearched(study)))
      .sort((one, other) => needed[one] - needed[other])
      .map((model) => {
        const kind = isBound(model, needed[model]) ? "later_at_best" : "later_from";
        return fill(texts[kind], { model: texts.in_text[model], n: rounded(needed[model]) });
      });
    return found.length ? fill(texts.later, { models: found.join(", ") }) : texts.later_none;
  }

  const isSimulated = (study, name) =>
    surface.simulated[name][0] <= study[name] && study[name] <= surface.simulated[name][1];

  function notes(study) {
    const { sentences, large, publication, trained } = surface;
    const range = (name) => {
      const [fewest, most] = surface.simulated[name];
      return { value: thousands(study[name]), fewest: thousands(fewest), most: thousands(most) };
    };
    const isLarge = study.n_samples > large.n_samples && study.n_markers > large.n_markers;
    const said = [ // kind, whether it is said, and its words
      ["beyond_n_samples", !isSimulated(study, "n_samples"), range("n_samples")],
      ["beyond_n_markers", !isSimulated(study, "n_markers"), range("n_markers")],
      ["bound_n_samples", isBound("mlp", study.n_samples), publication],
      ["not_trained", study.n_markers > trained.n_markers, { most: thousands(trained.n_markers) }],
      ["not_screened", !isSearched(study), { most: thousands(surface.most_screened) }],
      ["too_large", isLarge, { gib: thousands(whole(large.gib_per_square * study.n_markers ** 2)) }],
      ["partners", study.n_qtl % 2, { n_qtl: study.n_qtl + 1 }],
    ];
    const found = said.filter(([, applies]) => applies).map(([kind, , words]) => fill(sentences[kind], words));
    return study.population ? [...found, surface.observed[study.population].note] : found;
  }

  function basis(model, { supported }, study) {
    if (isBound(model, study.n_samples)) return surface.sentences.bound;
    const inside = isSimulated(study, "n_samples") && isSimulated(study, "n_markers");
    return surface.sentences[supported ? (inside ? "simulated" : "alike") : "theory"];
  }

  function when(model, needed, study) {
    let kind = (isBound(model, needed) ? "at_best_" : "ahead_") + (needed === study.n_samples ? "now" : "later");
    if (needed === null) kind = "never_ahead";
    return fill(surface.sentences[kind], { n: needed ? rounded(needed) : "" });
  }

  /** Rounds halves to even, as Python does. */
  const round = (value) => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

  function command(study) {
    let n = study.n_samples; // no network trains on a last batch of one individual
    while (round(SPLIT * round(SPLIT * n)) % BATCH_SIZE === 1) n += 1;
    const nQtl = study.n_qtl + (study.n_qtl % 2); // each QTL has a partner
    const relAa = decimals((1 / study.va_over_vg - 1) / 2);
    let lists = `rel_aa: [${relAa}]`;
    if (!isSearched(study)) lists = `{${lists}, models: [ridge, kernel, mlp]}`;
    return (
      `papermill notebooks/survey.ipynb study.ipynb -p n_samples ${n}` +
      ` -p n_markers ${Math.max(study.n_markers, nQtl)} -p n_qtl ${nQtl}` +
      ` -p broad_sense_heritability ${decimals(study.broad_sense_heritability)}` +
      ` -p hidden_width ${surface.hidden_width} -y "${lists}"`
    );
  }

  function nearest(study, number = 3) {
    const at = placeOf(study);
    const found = surface.points.map((point) => ({ ...point, distance: Math.sqrt(squaredDistance(at, point.place)) }));
    return found.sort((one, other) => one.distance - other.distance).slice(0, number);
  }

  function plan(study) {
    const forecasts = forecast(study), needed = samplesNeeded(study);
    return {
      study, forecasts, needed,
      basis: Object.fromEntries(MODELS.map((model) => [model, basis(model, forecasts[model], study)])),
      when: Object.fromEntries(MODELS.slice(1).map((model) => [model, when(model, needed[model], study)])),
      ceiling: Math.sqrt(study.broad_sense_heritability),
      additive_ceiling: Math.sqrt(study.broad_sense_heritability * study.va_over_vg),
      answer: answer(study, forecasts, needed),
      notes: notes(study), nearest: nearest(study), command: command(study),
    };
  }

  /** The simulated condition in a row of the page's table, whose column pearson_r.ridge is that of ridge, and so on. */
  function pointOf(columns, values) {
    const point = {};
    columns.forEach((column, i) => {
      const [name, model] = column.split(".");
      if (!model) point[name] = values[i];
      else if (values[i] !== null) point[name] = { ...point[name], [model]: values[i] };
    });
    return point;
  }

  // ---- the page ----

  const element = (id) => document.getElementById(`planner-${id}`);

  /** What the fields hold, or null where one of them is wrong; says which, and its bound. */
  function readStudy() {
    const study = {};
    for (const name of FIELDS) study[name] = Number(element(name).value);
    study.population = element("population").value;
    element("n_qtl").max = study.n_markers;
    const wrong = FIELDS.map(element).find((field) => !field.checkValidity());
    for (const name of FIELDS) element(name).setAttribute("aria-invalid", String(!element(name).checkValidity()));
    element("problem").textContent = wrong
      ? `${wrong.labels[0].textContent} must be ${wrong.step === "1" ? "a whole number" : "a number"} from ` +
        `${wrong.min} to ${wrong.max}, got ${wrong.value || "nothing"}`
      : "";
    return wrong ? null : study;
  }

  function writeRows(body, rows) {
    body.replaceChildren(
      ...rows.map(([name, ...cells]) => {
        const row = document.createElement("tr"), head = document.createElement("th");
        head.scope = "row";
        head.textContent = name;
        row.append(head, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
        return row;
      }),
    );
  }

  function forecastRows({ study, forecasts, needed, ceiling, additive_ceiling: additive }) {
    const models = MODELS.map((model) => {
      const { pearson_r, low, high } = forecasts[model], bound = isBound(model, study.n_samples);
      const ahead = model === "ridge" ? "" : when(model, needed[model], study);
      const atMost = bound || model === "pairs";
      const r = atMost ? fill(surface.sentences.at_most, { r: pearson_r.toFixed(2) }) : pearson_r.toFixed(2);
      const interval = bound ? "" : `${low.toFixed(2)} to ${high.toFixed(2)}`;
      return [surface.sentences.names[model], r, interval, basis(model, forecasts[model], study), ahead];
    });
    return [
      ...models,
      ["Ceiling of any model", ceiling.toFixed(2), "", "the square root of H²", ""],
      ["Ceiling of an additive model", additive.toFixed(2), "", "the square root of H² V_A/V_G", ""],
    ];
  }

  function nearestRows(points) {
    return points.map((point) => [
      `${point.experiment} ${point.cell}`,
      thousands(point.n_samples),
      thousands(point.n_markers),
      thousands(point.n_qtl),
      String(point.va_over_vg),
      String(point.broad_sense_heritability),
      ...MODELS.map((model) => (model in point.pearson_r ? point.pearson_r[model].toFixed(2) : "")),
      point.distance.toFixed(2),
    ]);
  }

  /** A curve that reaches beyond the study, and beyond the numbers at which other models pay; one model has its band. */
  function curve(study, needed, banded) {
    const rows = [], far = Math.max(...Object.values(needed).map((n) => n || 0)) / study.n_samples;
    const last = Math.max(30, Math.ceil(20 * Math.log10(2 * far)));
    for (let step = -30; step <= last; step++) {
      const n = whole(study.n_samples * 10 ** (step / 20));
      if (n < 20 || n > MOST_SAMPLES) continue;
      const other = { ...study, n_samples: n };
      for (const [model, found] of Object.entries(forecast(other))) {
        const r = found.pearson_r, hasBand = model === banded;
        rows.push({
          n_samples: n, model: surface.sentences.names[model], pearson_r: r, low: hasBand ? Math.max(0, found.low) : r,
          high: hasBand && !isBound(model, n) ? found.high : r, basis: basis(model, found, other),
        });
      }
    }
    return rows;
  }

  function draw(study, found) {
    const { view } = element("chart").querySelector(".chart");
    if (!view) return; // it draws once it is there
    const { kind } = choose(study, found.forecasts), banded = MODELS.includes(kind) ? kind : "ridge";
    view
      .data("curve", curve(study, found.needed, banded))
      .data("study", [{ n_samples: study.n_samples, ceiling: found.ceiling, additive: found.additive_ceiling }])
      .resize()
      .runAsync();
  }

  function show() {
    const study = readStudy();
    document.querySelector(".planner").classList.toggle("planner-wrong", !study);
    if (!study) {
      if (!element("command").textContent) element("answer").textContent = surface.sentences.wrong;
      return;
    }
    const found = plan(study);
    element("answer").textContent = found.answer;
    writeRows(element("forecasts"), forecastRows(found));
    writeRows(element("nearest"), nearestRows(found.nearest));
    element("notes").replaceChildren(
      ...found.notes.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
    );
    element("command").textContent = found.command;
    const address = `#${new URLSearchParams(study)}`;
    element("link").href = address;
    if (!location.hash || fromAddress()) history.replaceState(null, "", address); // a section's anchor stays
    draw(study, found);
  }

  function fillIn(study) {
    for (const name of FIELDS) element(name).value = study[name];
    element("population").value = study.population || "";
    show();
  }

  function fromAddress() {
    const chosen = new URLSearchParams(location.hash.slice(1));
    return FIELDS.every((name) => chosen.has(name)) ? Object.fromEntries(chosen) : null;
  }

  function start() {
    surface = JSON.parse(element("surface").textContent);
    surface.points = surface.points.data.map((values) => pointOf(surface.points.columns, values));
    window.planner = { plan }; // for a reader's console, and the tests
    const preset = element("preset");
    preset.addEventListener("change", () => preset.value && fillIn(surface.presets[preset.value].study));
    for (const name of [...FIELDS, "population"]) {
      element(name).addEventListener("input", () => {
        preset.value = "";
        show();
      });
    }
    window.addEventListener("hashchange", () => {
      if (!fromAddress()) return;
      preset.value = "";
      fillIn(fromAddress());
    });
    element("chart").addEventListener("drawn", show);
    const chosen = fromAddress();
    if (chosen) preset.value = "";
    fillIn(chosen || surface.presets[preset.value].study);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
