/** The parts of the studio as tabs on a phone, and the button that has to be held. */

/**
 * Show one part at a time; on wide screens all of them stand side by side and the tabs are hidden.
 * @param {HTMLElement} frame carries data-view @param {HTMLElement} tablist
 */
export function tabs(frame, tablist) {
  const all = /** @type {HTMLElement[]} */ ([...tablist.querySelectorAll('[role=tab]')]);
  /** @param {HTMLElement} tab */
  const choose = (tab) => {
    frame.dataset.view = tab.getAttribute('aria-controls') ?? '';
    for (const other of all) {
      other.setAttribute('aria-selected', String(other === tab));
      other.tabIndex = other === tab ? 0 : -1;
    }
  };
  for (const tab of all) tab.addEventListener('click', () => choose(tab));
  tablist.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (!step || at < 0) return;
    event.preventDefault();
    const onward = document.dir === 'rtl' ? -step : step, next = all[(at + onward + all.length) % all.length];
    choose(next);
    next.focus();
  });
}

/**
 * Send a form only when its button was held down; a tap says so.
 * @param {HTMLFormElement} form @param {() => void} tooShort @param {number} ms
 */
export function holdToSend(form, tooShort, ms = 2000) {
  const button = /** @type {HTMLButtonElement} */ (form.querySelector('button'));
  /** @type {ReturnType<typeof setTimeout> | null} */ let timer = null;
  let sure = false;
  const press = () => {
    button.classList.add('holding');
    timer ??= setTimeout(() => { sure = true; form.requestSubmit(); }, ms);
  };
  const release = () => {
    button.classList.remove('holding');
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  form.addEventListener('submit', (event) => { if (!sure) { event.preventDefault(); tooShort(); } });
  button.addEventListener('pointerdown', press);
  button.addEventListener('contextmenu', (event) => event.preventDefault());
  for (const name of ['pointerup', 'pointerleave', 'pointercancel', 'blur']) button.addEventListener(name, release);
  button.addEventListener('keydown', (event) => { if ((event.key === ' ' || event.key === 'Enter') && !event.repeat) press(); });
  button.addEventListener('keyup', release);
}
