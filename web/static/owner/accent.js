/** The accent in the preview, and in numbers: the server measures, so there is one measure. */

/** @typedef {{tones: Record<string, [string, string]>, button: string, card: string, passes: boolean, nearest: string}} Measured */

/**
 * Measure what is chosen, and show it.
 * @param {HTMLElement} preview @param {import('../core/i18n.js').Words} words
 */
export function watchAccent(preview, words) {
  const fields = document.querySelector('[data-accents]'), said = document.querySelector('[data-contrast]');
  const own = document.getElementById('own_accent'), picker = document.querySelector('[data-pick]');
  if (!fields || !(said instanceof HTMLElement) || !(own instanceof HTMLInputElement) || !(picker instanceof HTMLInputElement)) return;
  picker.hidden = false;
  picker.value = own.value;
  let asked = 0;

  const chosen = () => {
    const radio = fields.querySelector('[name="accent"]:checked');
    return radio instanceof HTMLInputElement && radio.value !== 'own' ? radio.value : own.value.trim();
  };
  const show = async () => {
    const colour = chosen(), mine = ++asked;
    if (!/^#[0-9a-f]{6}$/i.test(colour)) return;
    const answer = await fetch(`/settings/accent?colour=${encodeURIComponent(colour)}`).catch(() => null);
    // Somebody who drags a colour asks often; only the newest answer counts.
    if (!answer?.ok || mine !== asked) return;
    const measured = /** @type {Measured} */ (await answer.json());
    if (mine === asked) tell(measured, colour);
  };
  /** @param {Measured} measured @param {string} colour */
  const tell = (measured, colour) => {
    for (const [name, [light, dark]] of Object.entries(measured.tones)) {
      preview.style.setProperty(name, CSS.supports('color', 'light-dark(red, red)') ? `light-dark(${light}, ${dark})` : light);
    }
    for (const told of fields.querySelectorAll('[data-nearest]')) told.remove();
    const text = said.querySelector('span');
    said.hidden = false;
    said.classList.toggle('bad', !measured.passes);
    said.querySelector('.btn')?.remove();
    said.querySelector('use')?.setAttribute('href', icon(said, measured.passes ? 'check' : 'warn'));
    if (text) {
      text.textContent = measured.passes
        ? words.t('Text on it {on}, on white {white}: easy to read.', { on: ltr(`${measured.button}:1`), white: ltr(`${measured.card}:1`) })
        : words.t('This colour is too pale to read. The nearest that works is {colour}.', { colour: ltr(measured.nearest) });
    }
    if (!measured.passes && colour === own.value.trim()) said.append(offer(measured.nearest));
  };
  /** Make the button that takes the nearest colour. @param {string} nearest */
  const offer = (nearest) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'btn mini';
    button.textContent = words.t('Take {colour}', { colour: ltr(nearest) });
    button.addEventListener('click', () => { own.value = picker.value = nearest; own.focus(); void show(); });
    return button;
  };
  const takeOwn = () => {
    const radio = fields.querySelector('[value="own"]');
    if (radio instanceof HTMLInputElement) radio.checked = true;
    void show();
  };

  picker.addEventListener('input', () => { own.value = picker.value; takeOwn(); });
  own.addEventListener('input', () => { if (/^#[0-9a-f]{6}$/i.test(own.value)) picker.value = own.value.toLowerCase(); takeOwn(); });
  fields.addEventListener('change', (event) => {
    if (event.target instanceof HTMLInputElement && event.target.name === 'accent') void show();
  });
  void show();
}

/** Keep a number or colour left to right in any sentence. @param {string} text */
function ltr(text) {
  return `\u2066${text}\u2069`;
}

/** Give the address of another picture of the same file. @param {Element} near @param {string} name */
function icon(near, name) {
  return (near.querySelector('use')?.getAttribute('href') ?? '').replace(/#.*/, `#i-${name}`);
}
