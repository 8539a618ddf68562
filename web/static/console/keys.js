/** The keys of the console: which one does what, remembered on this device. */

/** @typedef {'next' | 'previous' | 'hide' | 'timeout' | 'timeouts' | 'mute' | 'ban' | 'pause' | 'live' | 'undo' | 'approve' | 'reject' | 'filter' | 'pin' | 'card' | 'note' | 'question' | 'search' | 'before' | 'after' | 'rooms' | 'help'} Act */

/** By `event.code`: Arabic and Thai layouts never give "t". @type {Record<Act, string[]>} */
export const DEFAULTS = {
  next: ['KeyJ', 'ArrowDown'], previous: ['KeyK', 'ArrowUp'], hide: ['KeyH'],
  timeout: ['KeyT'], timeouts: ['Shift+KeyT'], mute: ['KeyM'], ban: ['KeyB'],
  pause: ['Space'], live: ['Escape'], undo: ['KeyU', 'Ctrl+KeyZ'], approve: ['KeyA'], reject: ['KeyX'],
  filter: ['KeyF'], pin: ['KeyP'], card: ['KeyI'], note: ['KeyN'], question: ['KeyQ'],
  search: ['Slash'], before: ['BracketLeft'], after: ['BracketRight'], rooms: ['KeyG'], help: ['Shift+Slash'],
};
const SHOWN = /** @type {Record<string, string>} */ ({
  'ArrowDown': '↓', 'ArrowUp': '↑', 'ArrowLeft': '←', 'ArrowRight': '→', 'Escape': 'Esc', 'Slash': '/', 'Shift+Slash': '?',
  'BracketLeft': '[', 'BracketRight': ']', 'Comma': ',', 'Period': '.', 'Semicolon': ';', 'Quote': "'", 'Minus': '-', 'Equal': '=',
});

/** Name what was pressed. @param {{code: string, ctrlKey?: boolean, metaKey?: boolean, shiftKey?: boolean}} event */
export function chord({ code, ctrlKey, metaKey, shiftKey }) {
  return `${ctrlKey || metaKey ? 'Ctrl+' : ''}${shiftKey ? 'Shift+' : ''}${code}`;
}

/** Write a chord for people. @param {string} pressed */
export function shown(pressed) {
  if (SHOWN[pressed]) return SHOWN[pressed];
  const parts = pressed.split('+'), code = parts.pop() ?? '';
  return [...parts, SHOWN[code] ?? code.replace(/^(Key|Digit|Numpad)/, '')].join('+');
}

/** Which key does what: the defaults, and what was chosen instead. */
export class Keys {
  /** @param {{getItem: (key: string) => string | null, setItem: (key: string, value: string) => void}} store */
  constructor(store) {
    this.store = store;
    this.on = true;
    /** @type {Partial<Record<Act, string>>} */ this.own = {};
    try {
      const kept = JSON.parse(store.getItem('hiroba:keys') ?? '{}');
      this.on = kept.on !== false;
      for (const [act, key] of Object.entries(kept.own ?? {})) if (act in DEFAULTS && typeof key === 'string') this.own[/** @type {Act} */ (act)] = key;
    } catch {
      // What cannot be read is as if nothing had been chosen.
    }
  }

  /** @param {Act} act @returns {string[]} */
  of(act) {
    const own = this.own[act];
    if (own) return [own];
    const taken = new Set(Object.values(this.own));
    return DEFAULTS[act].filter((key) => !taken.has(key));
  }

  /** Tell what a key press asks for. @param {KeyboardEvent} event @returns {Act | null} */
  actOf(event) {
    if (!this.on || event.isComposing || event.altKey) return null;
    const pressed = chord(event);
    for (const act of /** @type {Act[]} */ (Object.keys(DEFAULTS))) if (this.of(act).includes(pressed)) return act;
    return null;
  }

  /** Give an act another key; whoever had it goes back to its own. @param {Act} act @param {string} pressed */
  choose(act, pressed) {
    for (const other of /** @type {Act[]} */ (Object.keys(this.own))) if (this.own[other] === pressed) delete this.own[other];
    if (DEFAULTS[act].includes(pressed)) delete this.own[act];
    else this.own[act] = pressed;
    this.#keep();
  }

  reset() { this.own = {}; this.#keep(); }

  /** @param {boolean} on */
  use(on) { this.on = on; this.#keep(); }

  #keep() {
    try { this.store.setItem('hiroba:keys', JSON.stringify({ on: this.on, own: this.own })); } catch { /* A device that keeps nothing still has the defaults. */ }
  }
}
