/** What has to work before going on air; the server looks, this says what it found. */

/** @typedef {import('../core/i18n.js').Words} Words */

/** The list of checks that the server rendered, filled with what is true now. */
export class Checks {
  /** @param {{list: HTMLElement, words: Words, url: string}} how */
  constructor({ list, words, url }) { this.list = list; this.words = words; this.url = url; }

  async look() {
    for (const row of this.list.children) this.#fill(row, '', this.words.t('looking…'));
    const answer = await fetch(this.url, { credentials: 'same-origin' }).catch(() => null);
    const found = answer?.ok ? (await answer.json()).checks : [];
    for (const row of this.list.children) {
      if (!(row instanceof HTMLElement)) continue;
      const check = found.find((/** @type {any} */ one) => one.name === row.dataset.check);
      this.#fill(row, check?.state ?? 'no', check ? this.#why(check) : this.words.t('no answer'));
    }
  }

  /** @param {Element} row @param {string} state @param {string} text */
  #fill(row, state, text) {
    const slot = row.querySelector('[data-why]'), picture = row.querySelector('use');
    row.className = state === 'ok' ? 'ok' : state ? 'no' : '';
    row.classList.toggle('bad', state === 'no');
    if (slot) slot.textContent = text;
    if (picture) picture.setAttribute('href', (picture.getAttribute('href') ?? '').replace(/#.*/, `#i-${state === 'ok' ? 'check' : state ? 'warn' : 'clock'}`));
  }

  /** @param {{name: string, state: string, why: string}} check */
  #why({ state, why }) {
    const { t } = this.words;
    if (state === 'ok') return t('in order');
    switch (why) {
      case 'no_file': return t('The file is not there.');
      case 'no_name': return t('There is no server of that name.');
      case 'private': return t('The address leads into a private network.');
      case 'not_https': return t('The address has to begin with https://');
      case 'redirects': return t('The address leads from one to the next without end.');
      case 'not_found': return t('The server answers, but the video is not there.');
      case 'refused': return t('The server does not give the video out.');
      case 'no_list': return t('This is no HLS list. Has the encoder begun to send?');
      case 'no_video': return t('The server does not say that this is a video.');
      case 'none': return t('There is none; viewers see a dark stage before the start.');
      case 'nobody': return t('Nobody saves comments at the moment.');
      case 'behind': return t('Saving has fallen behind.');
      default: return t('no answer');
    }
  }
}
