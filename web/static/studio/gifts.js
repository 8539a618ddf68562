/** Coupons and giveaways that are open: how many claimed, when they end, ending and drawing. */
import { money } from '../live/offers.js';
import { problemText } from './problems.js';
import { clock } from './rundown.js';

/** @typedef {{id: string, kind: 'coupon' | 'giveaway', text: string, until: number, done: boolean, body: any}} Gift */

/** The list below the rundown. */
export class Gifts {
  /** @type {Map<string, Gift>} */ #all = new Map();

  /** @param {HTMLElement} list @param {import('./selling.js').Stage} stage */
  constructor(list, stage) {
    this.list = list; this.stage = stage;
    list.addEventListener('click', (event) => {
      const button = event.target instanceof Element ? event.target.closest('button') : null, gift = this.#all.get(button?.dataset.id ?? '');
      if (button && gift) void this.#act(gift, button);
    });
    void this.fetch();
  }

  async fetch() {
    const answer = await fetch(`/v1/rooms/${this.stage.room}/shelf`, { credentials: 'same-origin' }).catch(() => null);
    if (!answer?.ok) return;
    const { coupons = [], giveaways = [] } = await answer.json();
    this.#all.clear();
    for (const body of coupons) this.#coupon(body);
    for (const body of giveaways) this.#giveaway(body);
    this.#draw();
  }

  /** @param {any} body */
  change(body) {
    const known = this.#all.get(`coupon ${body.id}`);
    switch (body.event) {
      case 'coupon.dropped': this.#coupon(body); break;
      case 'coupon.counted': if (known) this.#coupon({ ...known.body, ...body }); break;
      case 'giveaway.opened': case 'giveaway.drawn': this.#giveaway(body); break;
      default: return;
    }
    this.#draw();
  }

  /** @param {any} body */
  #coupon(body) {
    const { t, locale } = this.stage.words, off = body.percent === null ? money(body.amount, body.currency, locale) : `${body.percent}%`;
    const values = { code: `\u2068${body.code}\u2069`, off: `\u2066${off}\u2069`, claimed: body.claimed ?? 0, cap: body.cap };
    this.#all.set(`coupon ${body.id}`, { id: body.id, kind: 'coupon', until: body.ends_at, done: false, body, text: t('Coupon {code}, {off} off: {claimed} of {cap} taken', values) });
  }

  /** @param {any} body */
  #giveaway(body) {
    const { t } = this.stage.words, before = this.#all.get(`giveaway ${body.id}`)?.body ?? {}, all = { ...before, ...body };
    // The push of a draw and the list of what is open name the winners differently.
    const done = Boolean(all.seed), won = all.winners instanceof Array ? all.winners : all.won ?? [];
    const names = won.map((/** @type {any} */ one) => one.name).join(' · ');
    const title = `\u2068${all.title}\u2069`;
    this.#all.set(`giveaway ${all.id}`, { id: all.id, kind: 'giveaway', until: all.closes_at ?? 0, done, body: all, text: done ? (names ? t('{title}: won by {names}', { title, names: `\u2068${names}\u2069` }) : t('{title}: nobody entered', { title })) : t('Giveaway: {title}', { title }) });
  }

  #draw() {
    const { t } = this.stage.words, focused = document.activeElement instanceof HTMLElement && this.list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    this.list.replaceChildren(...[...this.#all].map(([key, gift]) => {
      const row = document.createElement('li'), text = document.createElement('span'), time = document.createElement('span'), button = document.createElement('button');
      text.textContent = gift.text;
      time.className = 'num';
      time.dataset.until = gift.done ? '' : String(gift.until);
      button.type = 'button';
      button.className = 'btn mini';
      button.dataset.id = key;
      button.textContent = gift.kind === 'coupon' ? t('End the coupon') : t('Draw');
      button.hidden = gift.done;
      row.append(text, time, button);
      if (gift.kind === 'giveaway' && gift.done) {
        const check = document.createElement('a');
        check.className = 'lk';
        check.href = `/giveaways/${gift.id}`;
        check.textContent = t('Check the draw');
        row.append(check);
      }
      return row;
    }));
    this.tick();
    if (focused) /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-id="${focused}"]`))?.focus();
  }

  tick() {
    const now = this.stage.now();
    for (const row of this.list.children) {
      const time = /** @type {HTMLElement} */ (row.querySelector('.num')), button = /** @type {HTMLButtonElement} */ (row.querySelector('button')), gift = this.#all.get(button.dataset.id ?? '');
      const over = !gift || gift.done || gift.until <= now;
      time.textContent = over ? '' : clock(gift.until, now);
      // The draw waits for the end of the entries; a coupon that is over needs no button.
      if (gift?.kind === 'giveaway') button.disabled = !over;
      else button.hidden = over;
    }
  }

  /** @param {Gift} gift @param {HTMLButtonElement} button */
  async #act(gift, button) {
    const { stage } = this;
    button.disabled = true;
    try {
      if (gift.kind === 'coupon') { await stage.ask('coupon.end', { coupon: gift.id }); this.#all.delete(`coupon ${gift.id}`); }
      else await stage.ask('giveaway.draw', { giveaway: gift.id });
      this.#draw();
    } catch (error) { stage.toast(problemText(stage.words, error)); button.disabled = false; }
  }
}
