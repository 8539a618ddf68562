/** The rundown: its rows, what is pinned, what is left, and the flash sale that a row grows into. */
import { moment } from '../core/i18n.js';
import { keepInStep } from '../core/lists.js';
import { money, offerOf, percentOff, pictureOf, restocked } from '../live/offers.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {import('../events').ProductInfo} Product
 * @typedef {{product: Product, planned: boolean, planned_at: number | null, shown: boolean,
 *   orders: number, sold: number, holding: number, waiting: number}} Line
 * @typedef {{now: number, pinned: string | null, orders: number, units: number,
 *   sales: {currency: string, amount: number}[], products: Line[]}} Figures
 */

/** @param {ParentNode} root @param {string} name @param {string} text */
export function put(root, name, text) {
  for (const slot of root.querySelectorAll(`[data-slot="${name}"]`)) if (slot.textContent !== text) slot.textContent = text;
}

/** @param {ParentNode} root @param {Product} product */
export function fillPicture(root, product) {
  const picture = root.querySelector('img[data-slot=picture]'), source = product.pictures[0] ? pictureOf(product.pictures[0]) : '';
  if (picture && picture.getAttribute('src') !== (source || null)) { if (source) picture.setAttribute('src', source); else picture.removeAttribute('src'); }
  picture?.toggleAttribute('hidden', !source);
}

/** Say what a product costs and what is left of it. @param {HTMLElement} root @param {Product} product @param {Words} words */
export function fillOffer(root, product, words) {
  const offer = offerOf(product), left = root.querySelector('[data-slot=left]');
  fillPicture(root, product);
  put(root, 'title', product.title);
  put(root, 'price', money(offer.price, product.currency, words.locale));
  put(root, 'left', product.stopped ? words.t('Sales are stopped') : words.tn('{n} left', '{n} left', offer.left));
  left?.classList.toggle('lowst', offer.low || product.stopped);
  return offer;
}

/** Minutes and seconds until a moment. @param {number} until @param {number} now */
export function clock(until, now) {
  const seconds = Math.max(0, Math.ceil((until - now) / 1000));
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Keeps the rows in step with what the server tells. */
export class Rundown {
  /** @type {Line[]} */ lines = [];
  /** @type {string | null} */ pinned = null;

  /** @param {{form: HTMLFormElement, words: Words, now: () => number, changed: () => void}} how */
  constructor(how) {
    this.how = how;
    this.list = /** @type {HTMLElement} */ (how.form.querySelector('[data-lines]'));
    this.blank = /** @type {HTMLTemplateElement} */ (document.querySelector('template[data-line]'));
  }

  /** @param {Figures} figures */
  take(figures) {
    this.lines = figures.products;
    this.pinned = figures.pinned;
    this.draw();
  }

  /** @param {string} id */
  line(id) { return this.lines.find((line) => line.product.id === id) ?? null; }

  /**
   * Take over what was told; false when only the server knows what the rundown looks like now.
   * @param {import('../core/connection.js').Body} body
   */
  change(body) {
    switch (body.event) {
      case 'product.pinned': {
        const known = this.line(body.product.id);
        this.pinned = body.product.id;
        if (!known) return false;
        known.product = body.product;
        known.shown = true;
        break;
      }
      case 'product.unpinned': this.pinned = null; this.draw(); return false;
      case 'product.changed': {
        const known = this.line(body.product.id);
        if (!known) return false;
        known.product = body.product;
        break;
      }
      case 'product.removed': return !this.line(body.id)?.planned;
      case 'stock.changed': {
        const known = this.line(body.product);
        if (known) known.product = restocked(known.product, /** @type {any} */ (body));
        break;
      }
      default: return true;
    }
    this.draw();
    return true;
  }

  draw() {
    keepInStep(this.list, this.lines, {
      key: (line) => line.product.id,
      make: () => /** @type {HTMLElement} */ (this.blank.content.firstElementChild?.cloneNode(true)),
      fill: (row, line) => this.#fill(row, line),
    });
    this.how.form.querySelector('[data-none]')?.toggleAttribute('hidden', this.lines.length > 0);
    this.tick();
    this.how.changed();
  }

  /** @param {HTMLElement} row @param {Line} line */
  #fill(row, line) {
    const { words } = this.how, { product } = line, on = this.pinned === product.id;
    const offer = fillOffer(row, product, words);
    row.className = on ? 'on' : line.shown ? 'done' : '';
    put(row, 'planned', line.planned_at === null ? '' : moment(document.documentElement.lang, line.planned_at, 'time'));
    const busy = [
      line.sold ? words.tn('{n} sold', '{n} sold', line.sold) : '', offer.inCarts ? words.tn('{n} in carts', '{n} in carts', offer.inCarts) : '',
      line.waiting ? words.tn('{n} waiting', '{n} waiting', line.waiting) : '',
    ];
    put(row, 'busy', busy.filter(Boolean).join(' · '));
    put(row, 'pin', on ? words.t('On show') : line.shown ? words.t('Show again') : words.t('Show it'));
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (row.querySelectorAll('button[data-do]'))) {
      const what = button.dataset.do ?? '';
      if (what === 'pin') { button.setAttribute('aria-pressed', String(on)); button.classList.toggle('pri', on); }
      button.value = what === 'extend' || what === 'end' ? `${what}:${product.sale?.id ?? ''}` : `${what === 'pin' && on ? 'unpin' : what}:${product.id}`;
      if (what === 'menu') button.setAttribute('aria-label', words.t('More: {title}', { title: product.title }));
      if (what === 'up' || what === 'down') button.disabled = !line.planned;
    }
    this.#fillSale(row, product);
  }

  /** @param {HTMLElement} row @param {Product} product */
  #fillSale(row, { sale, variants }) {
    const { t } = this.how.words, flash = /** @type {HTMLElement} */ (row.querySelector('.flash'));
    flash.hidden = !sale;
    if (!sale) return;
    const sold = sale.total - sale.left, normal = Math.min(...variants.map((each) => each.price));
    put(row, 'sale', sale.on ? t('Flash sale') : t('Flash sale to come'));
    put(row, 'off', `-${percentOff(sale.price, normal)}%`);
    put(row, 'sold', t('{sold} of {total} sold', { sold, total: sale.total }));
    row.querySelector('[data-slot=bar]')?.setAttribute('width', String((100 * sold) / sale.total));
    const slot = /** @type {HTMLElement} */ (row.querySelector('[data-slot=clock]'));
    slot.dataset.until = String(sale.on ? sale.ends_at : sale.starts_at);
  }

  /** Turn the clocks of the sales; nobody is told aloud. */
  tick() {
    const now = this.how.now();
    for (const slot of /** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll('.flash:not([hidden]) [data-slot=clock]'))) slot.textContent = clock(Number(slot.dataset.until), now);
  }
}
