  const $ = id => document.getElementById(id);
  const SVG = 'http://www.w3.org/2000/svg';

  const whole = new Intl.NumberFormat('en');
  const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
  const num = n => n == null ? '–' : n < 100000 ? whole.format(n) : short.format(n);
  const per = n => n == null ? '–' : n === 0 ? '0' : n < 10 ? n.toFixed(n < 0.1 ? 2 : 1) : num(Math.round(n));
  const bytes = n => { if (n == null) return '–'; const u = ['B', 'KiB', 'MiB', 'GiB', 'TiB']; let i = 0; while (n >= 1024 && i < 4) { n /= 1024; i++; } return (i && n < 10 ? n.toFixed(1) : Math.round(n)) + ' ' + u[i]; };
  const pct = n => n == null ? '–' : n.toFixed(n < 10 || n === 100 ? 0 : 1) + ' %';
  const ms = n => n < 10 ? n.toFixed(2) : n.toFixed(0);
  const time = n => n == null ? '–' : n < 1000 ? ms(n) + ' ms' : n < 120000 ? (n / 1000).toFixed(n < 10000 ? 1 : 0) + ' s' : lasting(n);
  const lasting = n => { const s = Math.round(n / 1000), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24); return s < 60 ? s + ' s' : m < 60 ? m + ' min' : h < 48 ? h + ' h' + (m % 60 && h < 10 ? ' ' + m % 60 + ' min' : '') : d + ' d'; };
  const ago = t => { const s = Math.max(0, Math.round((Date.now() - t) / 1000)); return s < 60 ? s + ' s' : s < 3600 ? Math.floor(s / 60) + ' min' : Math.floor(s / 3600) + ' h'; };
  const clock = t => new Date(t).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const plural = (n, one, many) => num(n) + ' ' + (n === 1 ? one : many);
  const entries = n => plural(n, 'entry', 'entries');
  const sentence = text => text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.') : '';

  const put = (e, text) => { if (e.textContent !== text) e.textContent = text; };
  const set = (id, text) => put($(id), text);
  const el = (name, text, cls) => { const e = document.createElement(name); if (text != null) e.textContent = text; if (cls) e.className = cls; return e; };
  const cell = (row, i, text) => put(row.children[i], text);
  const svg = (into, name, attributes, text) => { const e = document.createElementNS(SVG, name); for (const k in attributes) e.setAttribute(k, attributes[k]); if (text != null) e.textContent = text; into.append(e); return e; };

  // In place: what the reader has selected or scrolled to stays where it is.
  function fill(body, items, key, make, update) {
    const old = new Map([...body.children].map(row => [row.dataset.key, row])), kept = new Set();
    let at = body.firstElementChild;
    for (const item of items) {
      const name = key(item);
      let row = old.get(name);
      if (row) old.delete(name); else { row = make(item); row.dataset.key = name; }
      update(row, item); kept.add(row);
      if (row === at) at = at.nextElementSibling; else body.insertBefore(row, at);
    }
    // Two items of one key have a row each, which only this finds.
    for (const row of [...body.children]) if (!kept.has(row)) row.remove();
  }
  const list = (id, pairs) => fill($(id), pairs.flatMap(([name, value, cls]) => [{ k: name + '?', n: 'dt', t: name }, { k: name, n: 'dd', t: value, c: cls }]), p => p.k, p => el(p.n), (e, p) => { put(e, p.t); e.className = p.c || ''; });

  // A button that carries a key or a pattern.
  const link = (text, title, act) => { const b = el('button', text, 'k'); b.type = 'button'; b.title = title; b.addEventListener('click', act); return b; };

  async function copy(text) {
    // Without TLS a browser offers no clipboard; what is selected can still be copied.
    if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
    const field = el('textarea', text); ($('entry').open ? $('entry') : document.body).append(field); field.select();
    const done = document.execCommand('copy'); field.remove(); return done;
  }

  async function ask(path, method = 'GET') {
    const answer = await fetch(path, { method, headers: { authorization: 'Bearer ' + token }, cache: 'no-store', credentials: 'same-origin', signal: AbortSignal.timeout(10000) });
    const body = await answer.json().catch(() => null);
    if (!answer.ok) { const e = new Error(body && body.error ? body.error.message : 'the server answered ' + answer.status); e.status = answer.status; throw e; }
    return body;
  }
