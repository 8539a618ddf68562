/** The two dialogs of the console: the list of keys, and a word for the list. */
import { find } from './feed.js';
import { chord, shown } from './keys.js';
import { marked } from './queue.js';

/** @param {HTMLDialogElement} dialog */
function closes(dialog) {
  dialog.addEventListener('click', (event) => { if (event.target === dialog || /** @type {Element} */ (event.target).closest('[data-close]')) dialog.close(); });
}

/** Show which key does what, and let it be changed. @param {HTMLDialogElement} dialog @param {import('./keys.js').Keys} keys */
export function keyList(dialog, keys) {
  const use = /** @type {HTMLInputElement} */ (find(dialog, '[data-keys-on]'));
  const draw = () => {
    use.checked = keys.on;
    for (const button of dialog.querySelectorAll('[data-key]')) button.textContent = keys.of(/** @type {any} */ (/** @type {HTMLElement} */ (button).dataset.key)).map(shown).join('  ');
  };
  closes(dialog);
  use.addEventListener('change', () => keys.use(use.checked));
  find(dialog, '[data-keys-reset]').addEventListener('click', () => { keys.reset(); draw(); });
  dialog.addEventListener('keydown', (event) => {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('[data-key]'));
    // Tab, Enter and Escape keep their meaning in a dialog.
    if (!button || event.isComposing || ['Tab', 'Enter', 'Escape', 'ShiftLeft', 'ShiftRight', 'ControlLeft', 'ControlRight', 'AltLeft', 'AltRight', 'MetaLeft', 'MetaRight'].includes(event.code)) return;
    event.preventDefault();
    keys.choose(/** @type {any} */ (button.dataset.key), chord(event));
    draw();
  });
  return () => { draw(); dialog.showModal(); };
}

/**
 * Try a word on the newest messages, then add it.
 * @param {HTMLDialogElement} dialog
 * @param {{words: import('../core/i18n.js').Words, look: (word: string) => Promise<{author: string, text: string, spans: number[][]}[]>, add: (word: string, action: string) => void}} how
 */
export function wordDialog(dialog, { words, look, add }) {
  const field = /** @type {HTMLInputElement} */ (find(dialog, '#filter-word')), said = find(dialog, '[data-caught]'), list = find(dialog, '[data-caught-list]');
  /** @type {any} */ let timer = null;
  let asked = 0;
  const preview = async () => {
    const word = field.value.trim(), mine = ++asked;
    said.textContent = ''; list.hidden = true; list.replaceChildren();
    if (!word) return;
    try {
      const caught = await look(word);
      if (mine !== asked) return;
      said.textContent = caught.length ? words.tn('It would have caught {n} of the newest messages:', 'It would have caught {n} of the newest messages:', caught.length) : words.t('It would have caught none of the newest messages.');
      list.hidden = caught.length === 0;
      list.replaceChildren(...caught.slice(0, 8).map((one) => {
        const row = document.createElement('li'), name = document.createElement('b'), text = document.createElement('bdi');
        name.textContent = one.author;
        text.dir = 'auto';
        text.append(...marked(one.text, one.spans));
        row.append(name, ' ', text);
        return row;
      }));
    } catch {
      said.textContent = words.t('It cannot be tried just now.');
    }
  };
  closes(dialog);
  field.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(preview, 300); });
  dialog.addEventListener('click', (event) => {
    const action = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('[data-add]'))?.dataset.add;
    const word = field.value.trim();
    if (!action || !word) return;
    dialog.close();
    add(word, action);
  });
  return (/** @type {string} */ word) => { field.value = [...word].slice(0, 60).join(''); void preview(); dialog.showModal(); field.select(); };
}

