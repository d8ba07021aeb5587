  // What the reader looks for, in lower case.
  const sought = text => !query || text.toLowerCase().includes(query);
  const among = (found, all) => found === all ? num(all) : num(found) + ' of ' + num(all);

  const within = r => r.period ? r.period.totals : null;
  const COLUMNS = [
    ['name', 'Function', r => r.name], ['trend', 'Trend', r => within(r) ? within(r).calls : 0], ['calls', 'Calls', r => within(r) ? within(r).calls : r.hits + r.misses, num], ['rate', 'Hit rate', r => within(r) ? within(r).hit_rate_percent : r.hit_rate_percent, pct],
    ['memory', 'Memory', r => of(r, 'memory_hits'), num], ['redis', 'Redis', r => of(r, 'redis_hits'), num], ['coalesced', 'Shared', r => of(r, 'coalesced'), num], ['stale', 'Stale', r => within(r) ? within(r).stale : r.counters.stale_hits, num], ['misses', 'Misses', r => of(r, 'misses'), num],
    ['load', 'Load 50 %', r => (within(r) || r).load_p50_ms, time], ['p95', '95 %', r => (within(r) || r).load_p95_ms, time], ['p99', '99 %', r => (within(r) || r).load_p99_ms, time], ['failed', 'Failed', r => of(r, 'load_failures'), num],
  ];
  const of = (r, name) => (within(r) || r.counters)[name];
  for (const [by, title] of COLUMNS) {
    const th = el('th', null, by === 'name' || by === 'trend' ? '' : 'n'), button = el('button', title);
    th.scope = 'col'; th.append(button); $('columns').append(th);
    button.addEventListener('click', () => { sort = { by, down: sort.by === by ? !sort.down : by !== 'name' }; showFunctions(); });
  }

  function functionRow(r) {
    const row = el('tr'), name = el('td'), parts = r.name.split('::'), last = parts.pop();
    const what = r.pattern ? 'Fill the pattern field with ' + r.pattern : 'Copy ' + r.name;
    name.append(link(last, what, async () => r.pattern ? use(r.pattern) : (await copy(r.name)) && say('Copied ' + r.name + '.', 'good')));
    if (parts.length) name.append(el('span', parts.join('::'), 'of'));
    const trend = el('td'), canvas = document.createElementNS(SVG, 'svg'); canvas.setAttribute('class', 'spark'); canvas.setAttribute('role', 'img'); trend.append(canvas);
    row.append(name, trend);
    for (let i = 2; i < COLUMNS.length; i++) row.append(el('td', '', 'n'));
    return row;
  }
  function showFunctions() {
    const value = COLUMNS.find(c => c[0] === sort.by)[2], sign = sort.down ? -1 : 1, found = rows.filter(r => sought(r.name) || r.pattern && sought(r.pattern));
    found.sort((a, b) => { const x = value(a), y = value(b); return (x == null ? y == null ? 0 : 1 : y == null ? -1 : (x < y ? -1 : x > y ? 1 : 0) * sign) || (a.name < b.name ? -1 : 1); });
    [...$('columns').children].forEach((th, i) => { if (COLUMNS[i][0] === sort.by) th.setAttribute('aria-sort', sort.down ? 'descending' : 'ascending'); else th.removeAttribute('aria-sort'); });
    const shownNow = seen.get(shown), now = shownNow && shownNow.past ? shownNow.past.now_ms : Date.now();
    fill($('functions'), found, r => r.name, functionRow, (row, r) => {
      COLUMNS.forEach(([, , value, text], i) => { if (i > 1) cell(row, i, text(value(r))); });
      const canvas = row.children[1].firstElementChild;
      if (r.period) { spark(canvas, r.period.trend, now); canvas.setAttribute('aria-label', num(r.period.totals.calls) + ' calls'); }
      const before = r.period && r.period.previous;
      row.children[2].title = before ? num(before.calls) + ' in the ' + RANGES[range] + ' before' : '';
    });
    $('no-functions').hidden = rows.length > 0;
    set('functions-of', rows.length ? among(found.length, rows.length) + ' called since the start; figures of the last ' + RANGES[range] : '');
  }

  function showHottest(hottest) {
    const found = hottest.keys.filter(k => sought(k.key) || sought(k.function));
    fill($('hottest'), found, k => k.key, k => { const row = el('tr'), td = el('td'); td.append(link(k.key, 'Look up ' + k.key, () => lookUp(k.key)), el('span', k.function, 'of')); row.append(td, el('td', '', 'n')); return row; }, (row, k) => cell(row, 1, '≈ ' + num(k.calls) + ' ± ' + num(k.uncertain_by)));
    $('no-hottest').hidden = hottest.keys.length > 0;
    set('hottest-of', 'the last minutes, estimated' + (hottest.keys.length ? '; ' + among(found.length, hottest.keys.length) : ''));
  }

  function showRecent(of, recent) {
    let same = {};
    // Listed before this answer was asked for, which says that nothing waits.
    if (!of.ill && !of.stats.journal) of.settled = of.listed;
    of.listed = Math.max(0, ...recent.invalidations.map(r => r.at_ms));
    const found = recent.invalidations.filter(r => r.patterns.some(sought));
    fill($('recent'), found, r => { const k = r.at_ms + ' ' + r.patterns.join(); same[k] = (same[k] || 0) + 1; return k + ' ' + same[k]; },
      r => {
        const row = el('tr'), td = el('td');
        r.patterns.forEach((p, i) => { if (i) td.append(', '); td.append(link(p, 'Fill the pattern field with ' + p, () => use(p))); });
        if (r.more_patterns) td.append(el('span', 'and ' + plural(r.more_patterns, 'pattern', 'patterns') + ' that were not kept', 'of rest'));
        if (r.durability !== 'durable') td.append(el('span', '', 'of note'));
        row.append(td, el('td', '', 'n'), el('td', '', 'n')); return row;
      },
      (row, r) => {
        cell(row, 1, num(r.removed)); cell(row, 2, ago(r.at_ms));
        const note = row.querySelector('.note'), waits = r.durability === 'queued' && r.at_ms > of.settled;
        if (note) { note.className = waits ? 'of note warn' : 'of note'; put(note, waits ? 'waits for Redis' : r.durability === 'queued' ? 'waited for Redis, then replayed' : r.durability); }
      });
    $('no-recent').hidden = recent.invalidations.length > 0;
    set('recent-of', 'by this instance, the last hundred' + (recent.invalidations.length ? '; ' + among(found.length, recent.invalidations.length) : ''));
  }
