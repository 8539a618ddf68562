/** Coupons to claim and giveaways to enter: one line each under the pinned product. */
import { keepInStep } from '../core/lists.js';
import { toast } from '../room/room.js';
import { put, tick } from './cards.js';
import { page, room, words } from './main.js';
import { money } from './offers.js';

/**
 * @typedef {{id: string, code: string, percent: number | null, amount: number | null, currency: string | null,
 *   product: string | null, cap: number, ends_at: number, claimed: number, mine: boolean, used?: boolean}} Coupon
 * @typedef {{id: string, title: string, won: import('../events').Winner[], closes_at: number, entered: boolean, drawn: boolean}} Giveaway
 * @typedef {{key: string, coupon?: Coupon, giveaway?: Giveaway}} Gift
 */

/** How long after its end a claimed coupon can be used, ms. */
const GRACE = 3_600_000;
const { t, tn } = words;

/** What is given away in the room. */
export class Gifts {
  /** @type {Map<string, Coupon>} */ #coupons = new Map();
  /** @type {Map<string, Giveaway>} */ #giveaways = new Map();

  /** @param {HTMLElement} shop */
  constructor(shop) {
    this.list = /** @type {HTMLElement} */ (shop.querySelector('[data-part=gifts]'));
    this.template = /** @type {HTMLTemplateElement} */ (shop.querySelector('template[data-part=gift]'));
    this.list.addEventListener('click', (event) => {
      const row = event.target instanceof Element && event.target.closest('button') ? event.target.closest('li') : null;
      if (row) void this.#taken(row.dataset.id ?? '');
    });
  }

  /** How many are shown. */
  get size() { return this.#all().length; }

  /** @param {{coupons: Coupon[], giveaways: Giveaway[]}} all */
  take({ coupons, giveaways }) {
    this.#coupons = new Map(coupons.map((coupon) => [coupon.id, coupon]));
    this.#giveaways = new Map(giveaways.map((giveaway) => [giveaway.id, giveaway]));
    this.draw();
  }

  /** @param {import('../core/connection.js').Body} body */
  change(body) {
    const coupon = this.#coupons.get(body.id), giveaway = this.#giveaways.get(body.id);
    switch (body.event) {
      case 'coupon.dropped': this.#coupons.set(body.id, { claimed: 0, mine: false, ...body }); break;
      case 'coupon.counted': if (coupon) coupon.claimed = body.claimed; break;
      case 'coupon.ended': if (coupon) coupon.ends_at = 0; break;
      case 'giveaway.opened': this.#giveaways.set(body.id, { entered: false, drawn: false, won: [], ...body }); break;
      case 'giveaway.drawn': this.#giveaways.set(body.id, { ...body, closes_at: 0, entered: Boolean(giveaway?.entered), won: body.winners, drawn: true }); break;
      default: return;
    }
    this.draw();
  }

  /** The coupon of the reader that counts for a product. @param {import('../events').ProductInfo} product */
  usable(product) {
    const now = room.connection.now();
    return [...this.#coupons.values()].find((coupon) => coupon.mine && !coupon.used && coupon.ends_at + GRACE > now
      && (!coupon.product || coupon.product === product.id) && (!coupon.currency || coupon.currency === product.currency));
  }

  /** A coupon went into a reservation. @param {string | null} id */
  use(id) { const coupon = this.#coupons.get(id ?? ''); if (coupon) coupon.used = true; this.draw(); }

  /** A reservation ended: whatever was used in it can be used again; the server judges. */
  free() { for (const coupon of this.#coupons.values()) coupon.used = false; this.draw(); }

  draw() {
    const all = this.#all();
    this.list.hidden = all.length === 0;
    keepInStep(this.list, all, {
      key: ({ key }) => key, make: () => /** @type {HTMLElement} */ (this.template.content.firstElementChild?.cloneNode(true)),
      fill: (row, { coupon, giveaway }) => { if (coupon) this.#fillCoupon(row, coupon); else if (giveaway) this.#fillGiveaway(row, giveaway); },
    });
  }

  /** @returns {Gift[]} */
  #all() {
    const now = room.connection.now();
    const coupons = [...this.#coupons.values()].filter((coupon) => (coupon.mine ? !coupon.used && coupon.ends_at + GRACE > now : coupon.ends_at > now && coupon.claimed < coupon.cap));
    return [...coupons.map((coupon) => ({ key: `c${coupon.id}`, coupon })), ...[...this.#giveaways.values()].map((giveaway) => ({ key: `g${giveaway.id}`, giveaway }))];
  }

  /** @param {HTMLElement} row @param {Coupon} coupon */
  #fillCoupon(row, coupon) {
    const off = coupon.percent === null ? money(coupon.amount ?? 0, coupon.currency ?? '', words.locale) : `${words.number(coupon.percent)}%`;
    put(row, 'title', t('Coupon {code}: {off} off', { code: `\u2068${coupon.code}\u2069`, off: `\u2068${off}\u2069` }));
    put(row, 'said', coupon.mine ? t('Yours. It is used when you reserve.') : tn('{n} is left, for', '{n} are left, for', Math.max(0, coupon.cap - coupon.claimed)));
    this.#clock(row, coupon.mine ? 0 : coupon.ends_at);
    this.#button(row, coupon.mine ? '' : t('Take it'));
  }

  /** @param {HTMLElement} row @param {Giveaway} giveaway */
  #fillGiveaway(row, giveaway) {
    const now = room.connection.now(), open = !giveaway.drawn && giveaway.closes_at > now;
    const winners = giveaway.won, won = winners.some(({ person }) => person === room.me?.id);
    put(row, 'title', t('Giveaway: {title}', { title: `\u2068${giveaway.title}\u2069` }));
    let said = open ? (giveaway.entered ? t('You take part. It closes in') : t('It closes in')) : t('Entries are closed; the draw comes next.');
    if (giveaway.drawn) said = won ? t('You won! The host will contact you.') : t('Winners: {names}', { names: winners.map(({ name }) => `\u2068${name}\u2069`).join(words.locale === 'ja' ? '、' : ', ') });
    put(row, 'said', said);
    row.classList.toggle('won', won);
    this.#clock(row, open ? giveaway.closes_at : 0);
    this.#button(row, open && !giveaway.entered ? t('Take part') : '');
    const check = row.querySelector('a');
    if (check) { check.hidden = !giveaway.drawn; check.href = `${page.giveaways}${giveaway.id}`; }
  }

  /** @param {HTMLElement} row @param {number} until 0 for none */
  #clock(row, until) {
    const clock = /** @type {HTMLElement} */ (row.querySelector('[data-slot=clock]'));
    clock.dataset.until = until ? String(until) : '';
    clock.hidden = !until;
    tick(clock);
  }

  /** @param {HTMLElement} row @param {string} text */
  #button(row, text) {
    const button = /** @type {HTMLButtonElement} */ (row.querySelector('button'));
    if (button === document.activeElement && !text) this.list.closest('product-shelf')?.querySelector('button')?.focus();
    button.textContent = text;
    button.hidden = !text;
  }

  /** @param {string} key */
  async #taken(key) {
    if (!room.me) return room.takeName();
    const coupon = this.#coupons.get(key.slice(1)), giveaway = this.#giveaways.get(key.slice(1));
    try {
      if (key.startsWith('c') && coupon) {
        await room.ask('coupon.claim', { coupon: coupon.id });
        coupon.mine = true;
        toast(t('The coupon is yours; it is used when you reserve.'));
      } else if (giveaway) {
        await room.ask('giveaway.enter', { giveaway: giveaway.id });
        giveaway.entered = true;
        toast(t('You take part in the giveaway.'));
      }
    } catch (error) {
      const code = /** @type {any} */ (error).code;
      if (code === 'sold_out') toast(t('All coupons are gone.'));
      else if (code === 'too_late' || code === 'expired') toast(t('It is over.'));
      else room.refused(error);
    }
    this.draw();
  }
}
