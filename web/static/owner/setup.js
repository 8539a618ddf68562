/** The owner's forms: what is typed shows in the preview at once, and the accent is measured. */
import { initials } from '../account.js';
import { wordsOf } from '../core/i18n.js';
import { watchAccent } from './accent.js';
import { watchLogo } from './logo.js';

const preview = document.querySelector('[data-look]');
const words = wordsOf(document);

if (preview instanceof HTMLElement) {
  mirror('name', document.querySelector('form:has([name="accent"])') ? 'name' : 'owner');
  mirror('title', 'title');
  chooseTheme(preview);
  watchAccent(preview, words);
  watchLogo(preview, words);
}

/** Show a field's text at its place in the preview; an emptied field shows what stood there. @param {string} id @param {string} place */
function mirror(id, place) {
  const field = document.getElementById(id), shown = preview?.querySelector(`[data-preview-${place}]`);
  if (!(field instanceof HTMLInputElement) || !shown) return;
  const before = shown.textContent;
  const letter = place === 'owner' ? preview?.querySelector('[data-preview-letter]') : null;
  const show = () => {
    shown.textContent = field.value.trim() || before;
    if (letter) letter.textContent = initials(shown.textContent ?? '');
  };
  field.addEventListener('input', show);
  show();
}

/** Let the preview be seen light and dark; it begins as the page is. @param {HTMLElement} phone */
function chooseTheme(phone) {
  const buttons = [...document.querySelectorAll('[data-themes] button')].filter((b) => b instanceof HTMLButtonElement);
  const chosen = document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  /** @param {string} theme */
  const choose = (theme) => {
    phone.dataset.theme = theme;
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.value === theme));
  };
  for (const button of buttons) {
    button.addEventListener('click', () => choose(button.value));
    button.parentElement?.removeAttribute('hidden');
  }
  choose(chosen);
}
