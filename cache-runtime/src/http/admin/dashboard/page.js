  // Files an answer with those of the instance that gave it.
  function file(name, answer) {
    const { id, started_at_ms: started } = answer.instance;
    // Of an outage: whether it lasts, when it ended, what was seen to wait; and of removals, up to when none waits any more.
    if (!seen.has(id)) seen.set(id, { id, started, before: null, perSecond: null, silent: 0, heard: 0, ill: false, back: 0, waited: 0, listed: 0, settled: 0 });
    const of = seen.get(id);
    of.heard = Date.now(); of.silent = 0;
    if (name !== 'past' || answer.range === range) of[name] = answer;
    if (name === 'stats') take(of, answer);
    return id;
  }

  // A rate is what has changed since the same instance was last asked: of two instances it would be nonsense.
  function take(of, stats) {
    const t = Date.now(), calls = stats.hits + stats.misses, { before } = of;
    // A look out of turn, after a removal for one, is too short a time for a rate.
    if (before && t - before.t <= 800) return;
    of.perSecond = before && calls >= before.calls ? (calls - before.calls) * 1000 / (t - before.t) : null;
    of.before = { t, calls };
  }

  // Forgets who has gone; shows another where that was the one on the page, and says so.
  function settle() {
    const now = Date.now(), current = seen.get(shown), next = [...seen.values()].filter(of => of.stats && !of.silent)[0];
    if (current.silent >= GONE && next) {
      set('switched', 'Instance ' + brief(shown) + ' does not answer any more: it was ended, started anew, or is out of reach. These are the figures of ' + brief(next.id) + '.');
      choose(next.id); switched = now;
    }
    for (const of of [...seen.values()]) if (of.id !== shown && of.silent >= GONE) seen.delete(of.id);
  }
  const brief = id => id.slice(0, 6);
  function choose(id) {
    shown = id; switched = 0; forget(); say(''); drawn = []; rows = [];
    for (const table of ['functions', 'hottest', 'recent', 'events']) $(table).replaceChildren();
    for (const empty of ['no-functions', 'no-hottest', 'no-recent', 'no-events']) $(empty).hidden = true;
  }
  function others() {
    const all = [...seen.values()].filter(of => of.stats).sort((a, b) => a.started - b.started || (a.id < b.id ? -1 : 1)), many = all.length > 1;
    fill($('instance'), all, of => of.id, of => { const e = el('option'); e.value = of.id; return e; }, (e, of) => put(e, brief(of.id) + ', up ' + ago(of.started)));
    $('instance').value = shown; $('instance').disabled = !many;
    set('instances', many ? 'of ' + all.length + ' that answer here. Each counts for itself; their figures are kept apart.' : '');
    $('switched').hidden = !switched || Date.now() - switched > NEWS;
  }

  function outage(of, t) {
    const { stats } = of, removals = n => plural(n, 'removal', 'removals');
    $('state').className = 'pill ' + (stats.status === 'healthy' ? 'good' : 'warn');
    set('state', stats.status === 'healthy' ? (stats.backend === 'redis' ? 'healthy' : 'healthy, memory only') : 'degraded, serving without Redis');
    if (stats.status !== 'healthy') { of.ill = true; of.back = 0; of.waited = stats.journal; } else if (of.ill) { of.ill = false; of.back = t; if ($('said').classList.contains('warn')) say(''); }
    const { ill, waited } = of;
    $('away').hidden = !ill && t - of.back > NEWS;
    $('away').className = ill ? 'card' : 'card back';
    set('away', ill ? 'Redis is away: calls are answered from memory, or by the functions themselves.' + (waited ? ' ' + removals(waited) + (waited === 1 ? ' waits' : ' wait') + ' to be replayed.' : '') + ' It is used again as soon as it is back.'
      : 'Redis is back' + (waited ? ', and ' + removals(waited) + ' that waited ' + (waited === 1 ? 'was' : 'were') + ' replayed' : '') + '.');
  }

  function show(of) {
    const { stats, functions, hottest, recent, past } = of, t = Date.now();
    others(); outage(of, t);
    set('namespace', stats.namespace); $('namespace').hidden = !stats.namespace;
    set('uptime', lasting(stats.uptime_ms)); set('version', stats.version); set('role', stats.role);
    $('clear').hidden = stats.role !== 'super-admin';
    cards(of);
    if (functions) { rows = functions.functions; showFunctions(); }
    if (past) showPast(of);
    if (hottest) showHottest(hottest);
    if (recent) showRecent(of, recent);
    set('when', of.silent ? 'last heard ' + ago(of.heard) + ' ago' : paused ? 'paused' : 'live');
  }

  const ROUTES = { stats: () => 'stats', functions: () => 'functions?range=' + range, past: () => 'history?range=' + range, hottest: () => 'hottest?limit=256', recent: () => 'recent' };
  async function look() {
    if (busy) { again = true; return; }
    busy = true;
    const mine = generation;
    try {
      // Alone at first: a wrong token is one wrong token.
      const first = $('inside').hidden ? await ask('stats') : null;
      if (mine !== generation) return;
      for (const of of seen.values()) of.silent++;
      if (first) shown = file('stats', first);
      let missing = Object.keys(ROUTES).filter(name => !first || name !== 'stats');
      for (let round = 0; missing.length && round < (seen.size > 1 ? ROUNDS : 1); round++) {
        const answers = await Promise.all(missing.map(name => ask(ROUTES[name]())));
        if (mine !== generation) return;
        missing = missing.filter((name, i) => file(name, answers[i]) !== shown);
      }
      settle();
      $('door').hidden = true; $('inside').hidden = false; show(seen.get(shown));
    } catch (error) {
      if (mine !== generation) return;
      if (error.status === 401 || error.status === 403 || error.status === 429) return lock(error.message);
      if ($('inside').hidden) lock(error.status ? error.message : 'The service cannot be reached.');
      else { $('state').className = 'pill bad'; set('state', 'no answer'); set('when', 'trying again'); }
    } finally { busy = false; if (again) { again = false; if (token) look(); } }
  }
  function next() { clearTimeout(timer); timer = setTimeout(async () => { if (token && !paused && !document.hidden) await look(); if (token) next(); }, every * 1000); }
  function lock(why) {
    generation++; token = ''; clearTimeout(timer); rows = []; drawn = []; seen.clear(); shown = null; switched = 0; query = ''; forget();
    for (const dialog of ['entry', 'clearing']) if ($(dialog).open) $(dialog).close();
    for (const id of ['functions', 'hottest', 'recent', 'events', 'tiers', 'counters', 'instance', 'entry-of', 'entry-tags', 'entry-value']) $(id).replaceChildren();
    set('said', ''); for (const id of ['pattern', 'token', 'search', 'word']) $(id).value = '';
    $('inside').hidden = true; $('door').hidden = false; set('refused', sentence(why)); $('token').focus();
  }

  // Range and interval are in the address, so that a reload or a colleague gets the same view; the token is not.
  function remember() { history.replaceState(null, '', '#range=' + range + '&every=' + every); }
  function recall() {
    const wanted = new URLSearchParams(location.hash.slice(1)), seconds = wanted.get('every');
    if (Object.hasOwn(RANGES, wanted.get('range'))) range = wanted.get('range');
    if ([...$('every').options].some(o => o.value === seconds)) every = +seconds;
    document.querySelector('#range input[value="' + range + '"]').checked = true; $('every').value = String(every);
  }
  recall();

  $('enter').addEventListener('submit', async e => { e.preventDefault(); token = $('token').value.trim(); $('token').value = ''; set('refused', ''); if (!token) return; await look(); if (token) { next(); document.querySelector('#range :checked').focus(); } });
  $('leave').addEventListener('click', () => lock());
  $('pause').addEventListener('click', () => { paused = !paused; $('pause').setAttribute('aria-pressed', paused); set('pause', paused ? 'Go on' : 'Pause'); set('when', paused ? 'paused' : 'live'); if (!paused) look(); });
  $('range').addEventListener('change', () => { range = document.querySelector('#range :checked').value; remember(); for (const of of seen.values()) { of.past = null; of.functions = null; } look(); });
  $('every').addEventListener('change', () => { every = +$('every').value; remember(); next(); });
  $('search').addEventListener('input', () => { query = $('search').value.trim().toLowerCase(); const of = seen.get(shown); if (of) show(of); });
  document.addEventListener('keydown', e => { if (e.key === '/' && token && !e.ctrlKey && !e.metaKey && !e.altKey && !document.activeElement.matches('input:not([type=radio]), select, textarea') && !document.querySelector('dialog[open]')) { e.preventDefault(); $('search').focus(); } });
  document.addEventListener('visibilitychange', () => { if (!document.hidden && token && !paused) look(); });
  $('instance').addEventListener('change', () => { choose($('instance').value); show(seen.get(shown)); });
  addEventListener('resize', () => { if (token) charts(); });
