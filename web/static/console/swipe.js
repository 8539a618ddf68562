/** On a touch screen a row is hidden by pushing it aside; the buttons do the same. */

const FAR = 96;

/** @param {HTMLElement} rows @param {(row: HTMLElement) => void} pushed */
export function swipes(rows, pushed) {
  /** @type {{row: HTMLElement, x: number, y: number, id: number} | null} */ let held = null;
  const drop = () => { if (held) { held.row.style.transform = ''; held.row.classList.remove('pushed'); } held = null; };
  rows.addEventListener('pointerdown', (event) => {
    const row = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('li[data-id]'));
    if (event.pointerType === 'touch' && row && !row.classList.contains('gone') && !row.dataset.group) held = { row, x: event.clientX, y: event.clientY, id: event.pointerId };
  });
  rows.addEventListener('pointermove', (event) => {
    if (!held || event.pointerId !== held.id) return;
    const far = event.clientX - held.x;
    if (Math.abs(event.clientY - held.y) > 24 && Math.abs(far) < 24) return drop();
    if (Math.abs(far) < 12) return;
    held.row.style.transform = `translateX(${far}px)`;
    held.row.classList.toggle('pushed', Math.abs(far) >= FAR);
  });
  rows.addEventListener('pointerup', (event) => {
    if (!held || event.pointerId !== held.id) return;
    const { row, x } = held;
    drop();
    if (Math.abs(event.clientX - x) >= FAR) pushed(row);
  });
  rows.addEventListener('pointercancel', drop);
}
