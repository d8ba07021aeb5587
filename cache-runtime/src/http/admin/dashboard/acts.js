  function forget() { previewed = null; $('remove').disabled = true; set('remove', 'Remove'); }
  const say = (text, cls) => { $('said').className = 'said ' + (cls || ''); set('said', text); };
  const failed = error => sentence(error.message || 'no answer');

  // Fills the pattern field, and goes there.
  function use(pattern) { forget(); say(''); $('pattern').value = pattern; $('pattern').focus(); $('pattern').scrollIntoView({ block: 'center' }); }

  $('pattern').addEventListener('input', () => { forget(); say(''); });
  $('invalidate').addEventListener('submit', async e => {
    e.preventDefault(); const pattern = $('pattern').value; forget();
    try {
      const { matching } = await ask('invalidate?preview=true&pattern=' + encodeURIComponent(pattern), 'POST');
      if ($('pattern').value !== pattern) return;
      say(matching ? entries(matching) + ' would be removed.' : 'Nothing matches now. A load under way may: removing stops it from being stored.');
      previewed = pattern; $('remove').disabled = false; set('remove', matching ? 'Remove ' + entries(matching) : 'Remove anyway');
    } catch (error) { say(failed(error), 'bad'); }
  });
  function done(answer) {
    const alone = seen.size > 1 && !seen.get(shown).stats.breaker, durable = answer.durability === 'durable';
    say(alone ? entries(answer.removed) + ' removed in the instance that answered. Without Redis the others keep theirs.' : durable ? entries(answer.removed) + ' removed, everywhere.' : entries(answer.removed) + ' removed here. The rest follows when Redis is back.', durable && !alone ? 'good' : 'warn');
    look();
  }
  $('remove').addEventListener('click', async () => {
    const pattern = previewed; if (pattern == null) return; forget();
    try { done(await ask('invalidate?pattern=' + encodeURIComponent(pattern), 'POST')); $('pattern').focus(); } catch (error) { say(failed(error), 'bad'); }
  });

  // Everything is cleared only after the namespace, or a word in its place, was typed.
  const word = () => seen.get(shown).stats.namespace || 'everything';
  $('clear').addEventListener('click', () => { set('clearing-what', seen.get(shown).stats.namespace || 'this cache'); set('clearing-word', word()); $('word').value = ''; $('clear-now').disabled = true; $('clearing').showModal(); $('word').focus(); });
  $('word').addEventListener('input', () => { $('clear-now').disabled = $('word').value !== word(); });
  $('clear-not').addEventListener('click', () => $('clearing').close());
  $('clearing-form').addEventListener('submit', async e => {
    e.preventDefault(); if ($('word').value !== word()) return;
    $('clearing').close(); forget();
    try { done(await ask('clear', 'DELETE')); } catch (error) { say(failed(error), 'bad'); }
  });

  const STATES = { fresh: 'good', expired: 'warn', removed: 'warn', loading: 'warn', failed: 'bad', foreign: 'bad', unreadable: 'bad', absent: '' };
  const MEANS = { removed: 'A removal covers it: nobody reads it any more, and it is about to be deleted.', loading: 'A load is under way.', failed: 'A load has just failed.', foreign: 'This cache has not written it, and leaves it alone.', unreadable: 'Damaged, or of another version: readers treat it as a miss.', absent: 'Nothing is stored at this key.' };
  let opened = null, full = false;
  async function lookUp(key, value) {
    opened = key; const mine = generation;
    try {
      const entry = await ask('entry?key=' + encodeURIComponent(key) + (value ? '&value=true' : '') + (value && full ? '&full=true' : ''));
      if (mine !== generation || opened !== key) return;
      opened = entry.key; if (!value) full = false;
      showEntry(entry); if (!$('entry').open) $('entry').showModal();
    } catch (error) { if ($('entry').open) set('entry-said', failed(error)); else say(failed(error), 'bad'); }
  }
  function showEntry(entry) {
    set('entry-key', entry.key); set('entry-state', entry.state); $('entry-state').className = 'pill ' + STATES[entry.state];
    const where = [entry.in_redis ? 'Redis' : '', entry.in_memory ? 'memory of this instance' : ''].filter(Boolean).join(' and ') || '–', pairs = [['Where', where]];
    if (entry.ttl_ms != null) pairs.push(['Age', lasting(entry.age_ms)], ['TTL', lasting(entry.ttl_ms) + (entry.ttl_left_ms ? ', ' + lasting(entry.ttl_left_ms) + ' left' : ', over')], ['Size', bytes(entry.size_bytes)], ['Load took', time(entry.load_ms)]);
    if (entry.codec) pairs.push(['Stored as', entry.codec + (entry.compression ? ', ' + entry.compression : '')]);
    list('entry-of', pairs);
    const tags = $('entry-tags'); tags.replaceChildren(...entry.tags.map(tag => { const b = el('button', '#' + tag, 'tag'); b.type = 'button'; b.title = 'Use the tag as pattern'; b.addEventListener('click', () => { $('entry').close(); use('#' + tag); }); return b; }));
    tags.hidden = !entry.tags.length;
    const { value } = entry, may = seen.get(shown).stats.role === 'super-admin', has = entry.ttl_ms != null;
    $('entry-value').hidden = !value || value.form === 'none'; if (value) put($('entry-value'), value.text);
    $('entry-show').hidden = !may || !has || value && !value.cut; set('entry-show', value && value.cut ? 'Show all of it' : 'Show value');
    set('entry-said', MEANS[entry.state] && !value ? MEANS[entry.state] : value ? value.form === 'none' ? 'The value is None: an absence that is cached.' : value.form === 'hex' ? 'Bytes, as hexadecimal digits: this instance has no copy in memory, so it does not know their type.' : value.cut ? 'The beginning of the value.' : '' : has && !may ? 'Values are shown to a super admin.' : '');
  }
  $('inspect').addEventListener('click', () => { const key = $('pattern').value.trim(); if (key) lookUp(key); else $('pattern').focus(); });
  $('entry-close').addEventListener('click', () => $('entry').close());
  $('entry').addEventListener('close', () => { opened = null; full = false; $('entry-value').textContent = ''; });
  $('entry-copy').addEventListener('click', async () => set('entry-said', await copy(opened) ? 'Copied.' : 'The browser does not allow copying here.'));
  $('entry-use').addEventListener('click', () => { const key = opened; $('entry').close(); use(key); });
  $('entry-show').addEventListener('click', () => { full = $('entry-show').textContent !== 'Show value'; lookUp(opened, true); });
