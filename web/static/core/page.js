/** Every page: times in the reader's own zone, and folds that close. */
import { localTimes, rememberZone } from './i18n.js';

rememberZone();
localTimes(document);

addEventListener('click', (event) => {
  for (const fold of document.querySelectorAll('details.prefs[open]')) {
    if (!(event.target instanceof Node && fold.contains(event.target))) fold.removeAttribute('open');
  }
});
addEventListener('keydown', (event) => {
  const fold = document.querySelector('details.prefs[open]');
  if (event.key !== 'Escape' || !fold) return;
  fold.removeAttribute('open');
  fold.querySelector('summary')?.focus();
});
