  // A scale says how high a value stands, from 0 to 1, and which lines are drawn across.
  const percent = () => ({ at: v => v / 100, ticks: [0, 50, 100], label: v => v + ' %' });
  function linear(values, label, least) {
    const most = Math.max(least, ...values.filter(v => v != null)), power = 10 ** Math.floor(Math.log10(most)), high = [1, 2, 5, 10].map(n => n * power).find(n => n >= most);
    return { at: v => v / high, ticks: [0, high / 2, high], label };
  }
  // Sizes in steps that are round in their units.
  function doubling(values) {
    const most = Math.max(1024, ...values.filter(v => v != null)), high = 2 ** Math.ceil(Math.log2(most));
    return { at: v => v / high, ticks: [0, high / 2, high], label: bytes };
  }
  // A load takes a thousand round trips, or ten: decades show both.
  function decades(values) {
    const known = values.filter(v => v > 0), low = known.length ? Math.floor(Math.log10(Math.min(...known))) : -1;
    const high = Math.max(low + 2, known.length ? Math.ceil(Math.log10(Math.max(...known))) : 1), ticks = [];
    for (let e = low, step = Math.ceil((high - low) / 4); e <= high; e += step) ticks.push(10 ** e);
    return { at: v => v > 0 ? Math.max(0, (Math.log10(v) - low) / (high - low)) : 0, ticks, label: v => v < 1000 ? +v.toPrecision(1) + ' ms' : v / 1000 + ' s' };
  }

  // The slots of a period, each with its middle and how much of it has passed; one that has hardly begun is left out.
  function slots(period, now) {
    const { from_ms: from, step_ms: step, series } = period, n = series.misses.length, found = [];
    for (let i = 0; i < n; i++) {
      const begin = from + i * step, passed = Math.min(1, (now - begin) / step);
      if (passed > .2) found.push({ i, t: begin + step * passed / 2, begin, end: begin + step * passed, seconds: step * passed / 1000 });
    }
    return found;
  }

  // Draws lines, or areas on top of each other, of { name, of: slot => value }. `plot.before` is a line of the period before.
  function chart(id, plot) {
    const canvas = $(id), box = canvas.getBoundingClientRect(), w = Math.max(200, box.width), h = Math.max(80, box.height), left = 52, bottom = 18, top = 8;
    const { points, start, end, lines, scale, stacked } = plot, span = end - start;
    const x = t => left + (w - left - 4) * (t - start) / span, y = v => top + (h - top - bottom) * (1 - Math.min(1, scale.at(v)));
    canvas.replaceChildren(); canvas.setAttribute('viewBox', `0 0 ${w} ${h}`);
    for (const v of scale.ticks) {
      svg(canvas, 'line', { class: 'grid', x1: left, x2: w, y1: y(v), y2: y(v) });
      svg(canvas, 'text', { x: left - 7, y: y(v) + 4, 'text-anchor': 'end' }, scale.label(v));
    }
    const known = points.filter(p => lines.some(line => p[line] != null));
    const pointed = canvas.pointed == null ? null : known.reduce((best, p) => best && Math.abs(x(best.t) - canvas.pointed) < Math.abs(x(p.t) - canvas.pointed) ? best : p, null);
    if (!known.length) svg(canvas, 'text', { x: left + (w - left) / 2, y: top + (h - top - bottom) / 4 + 4, 'text-anchor': 'middle' }, plot.empty);
    if (plot.bound != null && scale.at(plot.bound) <= 1) svg(canvas, 'line', { class: 'bound', x1: left, x2: w, y1: y(plot.bound), y2: y(plot.bound) });
    // A value is that of the whole slot: a line begins and ends with its slots.
    const spread = run => [[Math.max(start, run[0].begin), run[0]], ...run.map(p => [p.t, p]), [run[run.length - 1].end, run[run.length - 1]]];
    const coordinates = (run, value) => spread(run).map(([t, p], i) => `${i ? 'L' : 'M'}${x(t).toFixed(1)} ${y(value(p)).toFixed(1)}`).join('');
    if (plot.before) runs(plot.before, p => p.value != null, run => svg(canvas, 'path', { class: 'before', d: coordinates(run, p => p.value) }));
    const below = points.map(() => 0);
    for (const line of lines) runs(points, p => p[line] != null, run => {
      const value = p => p[line] + (stacked ? below[p.n] : 0);
      const d = coordinates(run, value), base = spread(run).reverse().map(([t, p]) => `L${x(t).toFixed(1)} ${y(stacked ? below[p.n] : 0).toFixed(1)}`).join('');
      if (stacked || lines.length === 1) svg(canvas, 'path', { class: 'area ' + line, d: d + base + 'Z' });
      if (!stacked) svg(canvas, 'path', { class: 'line ' + line, d });
      if (stacked) for (const p of run) below[p.n] += p[line];
    });
    for (const event of plot.events) if (event.at_ms >= start) {
      svg(canvas, 'line', { class: 'event ' + event.tone, x1: x(event.at_ms), x2: x(event.at_ms), y1: top, y2: h - bottom });
      const mark = svg(canvas, 'circle', { class: 'mark ' + event.tone, cx: x(event.at_ms), cy: top, r: 4 }); svg(mark, 'title', {}, clock(event.at_ms) + ' ' + event.text);
    }
    // Said below the line, not in the heading, which would grow and push the chart away from under the pointer.
    const at = pointed ? Math.min(w - 38, Math.max(left + 34, x(pointed.t))) : null;
    if (!pointed || at > left + 84) svg(canvas, 'text', { x: left, y: h - 3 }, '−' + lasting(span));
    if (!pointed || at < w - 84) svg(canvas, 'text', { x: w - 1, y: h - 3, 'text-anchor': 'end' }, 'now');
    if (pointed) {
      svg(canvas, 'line', { class: 'cross', x1: x(pointed.t), x2: x(pointed.t), y1: top, y2: h - bottom });
      svg(canvas, 'text', { class: 'at', x: at, y: h - 3, 'text-anchor': 'middle' }, clock(pointed.t));
      if (!stacked) for (const line of lines) if (pointed[line] != null) svg(canvas, 'circle', { class: 'dot ' + line, cx: x(pointed.t), cy: y(pointed[line]), r: 4 });
    }
    legend(plot.legend, pointed || plot.total, plot);
  }

  // Calls `draw` with each unbroken run of points.
  function runs(points, known, draw) {
    let run = [];
    for (const p of points) if (known(p)) run.push(p); else { if (run.length) draw(run); run = []; }
    if (run.length) draw(run);
  }

  function legend(id, values, plot) {
    const items = plot.lines.map(line => [line, plot.names[line], plot.say(values[line], values)]);
    if (plot.before) items.push(['before', plot.beforeName || 'before', '']);
    fill($(id), items, i => i[0], ([cls]) => { const li = el('li'); li.append(el('i', null, cls), el('span'), el('b')); return li; }, (li, [, name, value]) => { put(li.children[1], name); put(li.children[2], value); });
  }

  // A small line of a function: calls, and below them in another colour those that missed. Like in the charts, the slot that
  // has just begun is left out, and the one under way is told as if it went on like this.
  function spark(canvas, { from_ms: from, step_ms: step, calls: all, misses: missed }, now) {
    const passed = i => Math.min(1, (now - from - i * step) / step), kept = all.map((_, i) => i).filter(i => passed(i) > .2 || all.length === 1);
    const scaled = values => { const found = kept.map(i => values[i] / Math.max(.2, passed(i))); return found.length === 1 ? [found[0], found[0]] : found; }, calls = scaled(all), misses = scaled(missed);
    const w = 112, h = 26, n = calls.length, most = Math.max(1, ...calls), x = i => w * i / (n - 1), y = v => h - 2 - (h - 4) * v / most;
    const path = values => values.map((v, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join('');
    const area = values => `${path(values)}L${x(n - 1).toFixed(1)} ${h - 2}L${x(0).toFixed(1)} ${h - 2}Z`;
    canvas.replaceChildren(); canvas.setAttribute('viewBox', `0 0 ${w} ${h}`);
    if (n > 1) { svg(canvas, 'path', { class: 'area', d: area(calls) }); svg(canvas, 'path', { class: 'area miss', d: area(misses) }); svg(canvas, 'path', { class: 'line', d: path(calls) }); }
  }
