/** The page one comes back to from paying: looks again by itself for a while, as nobody tells it. */
const EVERY = 4000, MOST = 60;
const key = `orders ${location.search}`;
const looked = Number(sessionStorage.getItem(key) ?? 0);

if (document.querySelector('[data-may-change]') && looked < MOST) {
  setTimeout(function look() {
    const busy = document.activeElement instanceof HTMLElement && document.activeElement.closest('form, details[open]');
    if (document.visibilityState !== 'visible' || busy || !navigator.onLine) return void setTimeout(look, EVERY);
    sessionStorage.setItem(key, String(looked + 1));
    location.reload();
  }, EVERY);
}
