  const RANGES = { '15m': '15 minutes', '1h': 'hour', '6h': '6 hours', '24h': '24 hours' };
  const EVENTS = {
    'breaker-opened': ['bad', n => 'Redis is not used: ' + (n === 1 ? 'breaker open' : num(n) + ' breakers open')], 'breaker-closed': ['good', n => 'Redis is used: ' + (n === 1 ? 'breaker closed' : num(n) + ' breakers closed')],
    'ledger-lost': ['bad', n => 'Redis lost the ledger of removals' + (n === 1 ? '' : ' ' + num(n) + ' times') + ', all entries with it'], 'ledger-folded': ['warn', n => 'The ledger was full: ' + plural(n, 'fold', 'folds')],
    'removals-queued': ['warn', n => plural(n, 'removal waits', 'removals wait') + ' in the journal'], 'journal-replayed': ['good', () => 'The journal is empty again'],
    'work-shed': ['warn', n => plural(n, 'piece', 'pieces') + ' of background work dropped'], 'cleared': ['warn', n => 'Everything was cleared' + (n === 1 ? '' : ' ' + num(n) + ' times')],
  };
  const OUTCOMES = { memory: ['memory_hits', 'Memory'], redis: ['redis_hits', 'Redis'], shared: ['coalesced', 'Shared load'], stale: ['stale', 'Stale'], miss: ['misses', 'Missed'], bypass: ['bypasses', 'Bypassed'] };
  const hitRate = (s, i) => { const hits = s.memory_hits[i] + s.redis_hits[i] + s.stale[i] + s.coalesced[i], calls = hits + s.misses[i] + s.bypasses[i]; return s.misses[i] != null && calls ? 100 * hits / calls : null; };
  const callsOf = (s, i) => s.misses[i] == null ? null : Object.values(OUTCOMES).reduce((sum, [name]) => sum + s[name][i], 0);

  // The change of a figure on the period before; `good` says which direction is.
  function change(id, now, before, good, text) {
    const e = $(id), known = now != null && before != null;
    e.hidden = !known; if (!known) return;
    const up = now > before, same = text === '0';
    e.className = 'label' + (same || !good ? '' : up === (good === 'up') ? ' good' : ' bad');
    put(e, (same ? '= as' : (up ? '▲ ' : '▼ ') + text + ' on') + ' the ' + RANGES[range] + ' before');
  }
  const share = (now, before) => { if (!before) return '0'; const by = 100 * Math.abs(now - before) / before; return by < .5 ? '0' : (by < 1000 ? Math.round(by) : '> 999') + ' %'; };

  function cards({ stats, past, perSecond }) {
    const c = stats.counters, t = past ? past.current.totals : null, before = past && past.previous ? past.previous.totals : null;
    const rate = t ? t.hit_rate_percent : null;
    set('rate', pct(rate)); $('rate-bar').style.width = (rate || 0) + '%';
    if (before && before.hit_rate_percent != null && rate != null) { const by = Math.abs(rate - before.hit_rate_percent); change('rate-of', rate, before.hit_rate_percent, 'up', by < .05 ? '0' : by.toFixed(1) + ' points'); }
    else { $('rate-of').hidden = false; $('rate-of').className = 'label'; set('rate-of', stats.hits + stats.misses ? pct(stats.hit_rate_percent) + ' since the start' : ''); }
    set('calls', num(t ? t.calls : null));
    set('calls-of', !(stats.hits + stats.misses) ? 'none yet' : perSecond == null ? '' : !perSecond ? 'none in the last seconds' : per(perSecond) + ' a second now');
    change('calls-before', t && t.calls, before && before.calls, '', t && before ? share(t.calls, before.calls) : '');
    set('load', time(t ? t.load_p95_ms : null));
    set('load-of', t && t.loads ? '50 % ' + time(t.load_p50_ms) + ', 99 % ' + time(t.load_p99_ms) + (t.load_failures ? ', ' + num(t.load_failures) + ' failed' : '') : 'no loads in this time');
    change('load-before', t && t.load_p95_ms, before && before.load_p95_ms, 'down', t && before ? share(t.load_p95_ms, before.load_p95_ms) : '');
    const figure = $('latency'); figure.replaceChildren(stats.latency_ms == null ? '–' : ms(stats.latency_ms)); if (stats.latency_ms != null) figure.append(el('small', ' ms'));
    set('latency-of', stats.breaker ? 'breaker ' + stats.breaker : 'no Redis is configured');
    $('latency-of').className = 'label' + (stats.breaker && stats.breaker !== 'closed' ? ' warn' : '');
    set('latency-within', t && t.redis_p95_ms != null ? '95 % within ' + time(t.redis_p95_ms) : '');
    const { memory } = stats, used = memory.max_bytes ? 100 * memory.bytes / memory.max_bytes : 0;
    set('memory', bytes(memory.bytes)); $('memory-bar').style.width = Math.min(100, used) + '%';
    set('memory-of', 'of ' + bytes(memory.max_bytes) + (memory.evictions ? ', ' + plural(memory.evictions, 'eviction', 'evictions') : ''));
    set('entries', num(stats.entries));
    set('entries-of', stats.backend === 'redis' ? 'in Redis, ' + num(memory.entries) + ' of them in memory' : 'in memory, of ' + num(memory.max_entries) + ' at most');
    const tiers = [['Memory, entries', num(memory.entries) + ' of ' + num(memory.max_entries)], ['Memory, bytes', bytes(memory.bytes) + ' of ' + bytes(memory.max_bytes)], ['Memory, evictions', num(memory.evictions), memory.evictions ? 'warn' : '']];
    const away = stats.breaker && stats.breaker !== 'closed';
    if (stats.breaker) tiers.push(['Redis, entries of this cache', stats.redis_keys == null ? '–' : num(stats.entries)], ['Redis, all keys', num(stats.redis_keys)], ['Redis, memory', bytes(stats.redis_memory_bytes)], ['Breaker', stats.breaker, away ? 'warn' : 'good'], ['Journal, removals that wait', num(stats.journal), stats.journal ? 'warn' : ''], ['Ledger, patterns', num(stats.ledger)]);
    else tiers.push(['Redis', 'not configured']);
    list('tiers', tiers);
    list('counters', [['Stored', num(c.stores)], ['Not stored, removed meanwhile', num(c.stores_lost)], ['Refused as too large', num(c.stores_refused), c.stores_refused ? 'warn' : ''], ['Refreshed in the background', num(c.refreshes)], ['Loads that failed', num(c.load_failures), c.load_failures ? 'warn' : ''], ['Bypasses', num(c.bypasses)], ['Removals', num(c.invalidations)], ['Entries removed', num(c.removed)], ['Redis commands timed out', num(c.timeouts), c.timeouts ? 'warn' : ''], ['Redis commands cut off', num(c.disconnects), c.disconnects ? 'warn' : ''], ['Dropped, too much under way', num(c.shed), c.shed ? 'warn' : '']]);
  }

  // What the charts draw, computed once for each answer.
  function plots(of) {
    const { past, stats } = of, { current, previous, now_ms: now } = past, s = current.series, t = current.totals;
    const length = { '15m': 15, '1h': 60, '6h': 360, '24h': 1440 }[past.range] * 60000;
    // A service that has just begun is not shown as mostly nothing.
    const start = Math.max(now - length, Math.min(current.from_ms, now - 60000)), end = now, seconds = Math.max(1, (now - Math.max(current.from_ms, now - length)) / 1000);
    const points = slots(current, now).map(({ i, t, begin, end, seconds }, n) => {
      const p = { i, n, t, begin, end, seconds, rate: hitRate(s, i), p50: s.load_p50_ms[i], p95: s.load_p95_ms[i], p99: s.load_p99_ms[i], redisTime: s.redis_p95_ms[i], used: s.memory_bytes[i] };
      for (const line in OUTCOMES) { const count = s[OUTCOMES[line][0]][i]; p[line] = count == null ? null : count / seconds; }
      for (const [line, name] of [['removals', 'invalidations'], ['failed', 'load_failures'], ['errors', 'redis_errors']]) p[line] = s[name][i] == null ? null : s[name][i] * 60 / seconds;
      return p;
    });
    const earlier = value => previous && slots(previous, now).map(({ i, t, begin, end, seconds }) => ({ t: t + length, begin: begin + length, end: end + length, value: value(previous.series, i, seconds) })).filter(p => p.end <= now);
    const events = past.events.map(e => ({ ...e, tone: Object.hasOwn(EVENTS, e.what) ? EVENTS[e.what][0] : 'warn', text: Object.hasOwn(EVENTS, e.what) ? EVENTS[e.what][1](e.count) : e.what }));
    const base = { points, start, end, events, beforeName: 'the ' + RANGES[past.range] + ' before' }, names = {};
    for (const line in OUTCOMES) names[line] = OUTCOMES[line][1];
    const used = stats.breaker ? Object.keys(OUTCOMES) : Object.keys(OUTCOMES).filter(line => line !== 'redis');
    const lines = used.filter(line => ['memory', 'redis', 'miss'].includes(line) || t[OUTCOMES[line][0]]);
    const before = earlier((s, i, seconds) => callsOf(s, i) == null ? null : callsOf(s, i) / seconds);
    const all = points.map(p => Object.keys(OUTCOMES).reduce((sum, line) => sum + (p[line] || 0), 0)).concat((before || []).map(p => p.value));
    const totals = {}; for (const line in OUTCOMES) totals[line] = t[OUTCOMES[line][0]] / seconds;
    const minutes = seconds / 60, latency = points.map(p => ({ ...p, redis: p.redisTime }));
    return { events, charts: [
      ['calls-chart', { ...base, lines, names, stacked: true, legend: 'calls-legend', scale: linear(all, per, 1), before, total: totals, say: per, empty: 'no calls yet' }],
      ['rate-chart', { ...base, lines: ['rate'], names: { rate: 'Hits' }, legend: 'rate-legend', scale: percent(), before: earlier(hitRate), total: { rate: t.hit_rate_percent }, say: pct, empty: 'no calls yet' }],
      ['latency-chart', { ...base, points: latency, lines: stats.breaker ? ['p50', 'p95', 'p99', 'redis'] : ['p50', 'p95', 'p99'], names: { p50: 'Loads 50 %', p95: '95 %', p99: '99 %', redis: 'Redis 95 %' }, legend: 'latency-legend', scale: decades(latency.flatMap(p => [p.p50, p.p99, p.redis])), total: { p50: t.load_p50_ms, p95: t.load_p95_ms, p99: t.load_p99_ms, redis: t.redis_p95_ms }, say: time, empty: 'nothing timed yet' }],
      ['memory-chart', { ...base, lines: ['used'], names: { used: 'Used' }, legend: 'memory-legend', scale: doubling(points.map(p => p.used)), bound: stats.memory.max_bytes, total: { used: stats.memory.bytes }, say: n => bytes(n) + ' of ' + bytes(stats.memory.max_bytes), empty: 'nothing kept yet' }],
      ['trouble-chart', { ...base, lines: ['removals', 'failed', 'errors'], names: { removals: 'Removals', failed: 'Failed loads', errors: 'Redis errors' }, legend: 'trouble-legend', scale: linear(points.flatMap(p => [p.removals, p.failed, p.errors]), per, 1), total: { removals: t.invalidations / minutes, failed: t.load_failures / minutes, errors: t.redis_errors / minutes }, say: per, empty: '' }],
    ] };
  }
  let drawn = [];
  const charts = () => { for (const [id, plot] of drawn) chart(id, plot); };
  for (const id of ['calls-chart', 'rate-chart', 'latency-chart', 'memory-chart', 'trouble-chart']) {
    // All of them point at the same moment.
    const point = at => { for (const [other] of drawn) { const e = $(other); e.pointed = at == null ? null : 52 + (e.getBoundingClientRect().width - 56) * at; } charts(); };
    $(id).addEventListener('pointermove', e => { const box = $(id).getBoundingClientRect(); point((e.clientX - box.left - 52) / (box.width - 56)); });
    $(id).addEventListener('pointerleave', () => point(null));
  }

  function showPast(of) {
    const { events, charts: made } = plots(of); drawn = made; charts();
    const found = [...events].reverse().filter(e => sought(e.text));
    fill($('events'), found, e => e.at_ms + e.what, e => { const li = el('li'); li.append(el('i', null, e.tone), el('span'), el('span', null, 'soft small')); return li; }, (li, e) => { put(li.children[1], sentence(e.text)); put(li.children[2], clock(e.at_ms)); li.children[2].title = new Date(e.at_ms).toLocaleString(); });
    $('no-events').hidden = events.length > 0; set('events-of', events.length ? among(found.length, events.length) + ' in this time' : '');
  }
