/** Small comforts of the account forms: look at the password, see the name as others will. */
import './core/page.js';

for (const button of document.querySelectorAll('[data-reveal]')) {
  if (!(button instanceof HTMLElement)) continue;
  const field = document.getElementById(button.dataset.reveal ?? '');
  if (!(field instanceof HTMLInputElement)) continue;
  button.hidden = false;
  button.addEventListener('click', () => {
    const shown = field.type === 'password';
    field.type = shown ? 'text' : 'password';
    button.setAttribute('aria-pressed', String(shown));
    field.focus();
  });
  field.form?.addEventListener('submit', () => { field.type = 'password'; });
}

const preview = document.querySelector('[data-preview]');
const name = document.getElementById('name');
if (preview instanceof HTMLElement && name instanceof HTMLInputElement) {
  const label = preview.querySelector('.n');
  const avatar = preview.querySelector('.av');
  const show = () => {
    const text = name.value.trim();
    preview.hidden = text === '';
    if (label) label.textContent = text;
    if (avatar) avatar.textContent = initials(text);
  };
  name.addEventListener('input', show);
  show();
}

/**
 * Two consonants for Thai, where one looks like a Latin letter; else the first character.
 * @param {string} text
 */
export function initials(text) {
  const thai = [...text].filter((c) => c >= 'ก' && c <= 'ฮ');
  return thai.length ? thai.slice(0, 2).join('') : ([...text][0] ?? '').toUpperCase();
}
