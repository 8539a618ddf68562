/** The logo that was chosen, in the preview before it is sent, and whether it can be seen. */

const LIGHT = 255, DARK = 26, SIDE = 48;
/** How far the grey of a dot has to be from the page behind it to be seen. */
const APART = 48;

/**
 * Show what is chosen, and say where it would be hard to see.
 * @param {HTMLElement} preview @param {import('../core/i18n.js').Words} words
 */
export function watchLogo(preview, words) {
  const field = document.getElementById('logo'), said = document.querySelector('[data-logo-check]');
  const place = preview.querySelector('[data-preview-logo]'), box = document.querySelector('[data-logo]');
  if (!(field instanceof HTMLInputElement) || !(said instanceof HTMLElement) || !place || !box) return;
  const before = place.innerHTML, beside = box.firstElementChild;

  field.addEventListener('change', async () => {
    const file = field.files?.[0], picture = file ? await loaded(file) : null;
    said.hidden = !picture;
    if (!picture) { place.innerHTML = before; if (beside) box.firstElementChild?.replaceWith(beside); return; }
    place.replaceChildren(picture);
    box.firstElementChild?.replaceWith(picture.cloneNode());
    const hard = hardToSee(picture);
    said.classList.toggle('bad', hard !== '');
    said.textContent = hard === 'light' ? words.t('Hard to see on light pages.')
      : hard === 'dark' ? words.t('Hard to see on dark pages.') : words.t('Can be seen on light and on dark pages.');
  });
}

/** @param {File} file @returns {Promise<HTMLImageElement | null>} */
function loaded(file) {
  return new Promise((resolve) => {
    const reader = new FileReader(), picture = new Image();
    picture.alt = '';
    picture.onload = () => resolve(picture);
    picture.onerror = reader.onerror = () => resolve(null);
    reader.onload = () => { picture.src = String(reader.result); };
    reader.readAsDataURL(file);
  });
}

/** Name the theme on which fewer than a third of the dots stand out. @param {HTMLImageElement} picture */
function hardToSee(picture) {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SIDE;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  if (!pen) return '';
  pen.drawImage(picture, 0, 0, SIDE, SIDE);
  return hidden(pen.getImageData(0, 0, SIDE, SIDE).data);
}

/** The same for dots of red, green, blue, alpha. @param {Uint8ClampedArray | number[]} dots */
export function hidden(dots) {
  let seen = 0, light = 0, dark = 0;
  for (let at = 0; at < dots.length; at += 4) {
    if (dots[at + 3] < 96) continue;
    const grey = 0.299 * dots[at] + 0.587 * dots[at + 1] + 0.114 * dots[at + 2];
    seen += 1;
    if (LIGHT - grey > APART) light += 1;
    if (Math.abs(grey - DARK) > APART) dark += 1;
  }
  if (light * 3 < seen) return 'light';
  return dark * 3 < seen ? 'dark' : '';
}
