/** What a product costs and what is left of it, worked out of what the server told; pure. */

/**
 * @typedef {import('../events').ProductInfo} Product
 * @typedef {import('../events').VariantInfo} Variant
 * @typedef {{price: number, was: number | null, percent: number, differs: boolean, left: number,
 *   inCarts: number, low: boolean, share: number | null, countTo: number | null, on: boolean}} Offer
 *   `share` of a sale that is left, 0 to 100; `countTo` when its price begins or ends, ms
 * @typedef {{product: string, variant: string, quantity: number, price: number, coupon: string | null, named: boolean}} Wish
 */

/** From here on few are left. */
export const LOW = 10;
/** So many percent of a sale are few too. */
const FEW = 25;
const SAID_AT = [0, 3, 10];

/** Digits of the minor unit by ISO 4217 where they are not 2; rooms/shop/money.py has the same. */
export const EXPONENTS = new Map([
  ...'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF'.split(' ').map((code) => /** @type {[string, number]} */ ([code, 0])),
  ...'BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => /** @type {[string, number]} */ ([code, 3])),
]);

/**
 * Write an amount of minor units; decimals that are usually left out only when there are some.
 * @param {number} amount @param {string} currency @param {string} locale
 */
export function money(amount, currency, locale) {
  const digits = EXPONENTS.get(currency) ?? 2, style = { style: /** @type {const} */ ('currency'), currency };
  const usual = new Intl.NumberFormat(locale, style).resolvedOptions().maximumFractionDigits ?? 2;
  const shown = usual < digits && amount % 10 ** (digits - usual) === 0 ? usual : digits;
  const whole = String(amount).padStart(digits + 1, '0'), at = whole.length - digits;
  // A text keeps all its digits where a division would round.
  const exact = /** @type {any} */ (digits ? `${whole.slice(0, at)}.${whole.slice(at)}` : whole);
  const text = new Intl.NumberFormat(locale, { ...style, minimumFractionDigits: shown, maximumFractionDigits: shown }).format(exact);
  // In a line that runs to the left, the two halves of JP¥ would change places.
  return text.includes('\u200f') ? text.replace(/[A-Z]+\p{Sc}/u, '\u2066$&\u2069') : text;
}

/** @param {number} price @param {number} was @returns {number} how many percent less, whole ones */
export function percentOff(price, was) {
  return was > price ? Number((BigInt(was - price) * 100n) / BigInt(was)) : 0;
}

/** Work out what is shown of a product, or of one of its variants. @param {Product} product @param {string} [variant] @returns {Offer} */
export function offerOf(product, variant) {
  const { sale } = product, on = Boolean(sale?.on);
  const among = product.variants.filter((each) => !variant || each.id === variant);
  const cheapest = among.reduce((best, each) => (each.price < best.price ? each : best), among[0] ?? { price: 0, was_price: null });
  const price = sale && on ? sale.price : cheapest.price, was = on ? cheapest.price : cheapest.was_price ?? 0;
  const stock = among.reduce((sum, each) => sum + each.left, 0);
  const left = Math.max(0, sale && on ? Math.min(stock, sale.left) : stock);
  const share = sale && on && sale.total > 0 ? Math.min(100, Math.floor((left * 100) / sale.total)) : null;
  return {
    price, was: was > price ? was : null, percent: percentOff(price, was), on, left, share,
    differs: !on && among.some((each) => each.price !== price),
    inCarts: among.reduce((sum, each) => sum + each.in_carts, 0), low: left <= LOW || (share !== null && share <= FEW),
    countTo: sale ? (on ? sale.ends_at : sale.starts_at) : null,
  };
}

/** Tell whether what is left is worth saying aloud now: only at 10, 3 and 0. @param {number} before @param {number} now */
export function worthSaying(before, now) { return SAID_AT.some((mark) => before > mark && now <= mark); }

/** Take over what is left. @param {Product} product @param {import('../events').StockChanged} change @returns {Product} */
export function restocked(product, change) {
  const told = new Map(change.variants.map((each) => [each.id, each]));
  const { sale } = product;
  return {
    ...product, variants: product.variants.map((each) => ({ ...each, ...told.get(each.id) })),
    sale: sale && change.sale_left !== null ? { ...sale, left: change.sale_left } : sale,
  };
}

/** How many of a variant may be asked for. @param {Product} product @param {string} variant */
export function most(product, variant) {
  const offer = offerOf(product, variant), limits = [99, offer.left, product.per_person ?? 99];
  if (offer.on && product.sale?.per_person) limits.push(product.sale.per_person);
  return Math.max(1, Math.min(...limits));
}

/** One try to buy: as long as the server has not decided, the same wish goes out under the same key. */
export class Attempt {
  #wish = '';
  #key = '';

  /** @param {() => string} make a fresh key */
  constructor(make = () => crypto.randomUUID()) { this.make = make; }

  /** @param {Wish} wish @returns {string} its key */
  keyFor(wish) {
    const same = JSON.stringify(wish);
    if (!this.#key || same !== this.#wish) { this.#wish = same; this.#key = this.make(); }
    return this.#key;
  }

  /** The server has answered: another try is a new one. */
  decided() { this.#key = ''; }
}

/** The address of a picture. @param {string} picture an address, or the name of a file of ours */
export function pictureOf(picture) { return /^https?:\/\//.test(picture) || picture.startsWith('/') ? picture : `/media/${picture}`; }

/** What a coupon takes off an amount. @param {{percent: number | null, amount: number | null}} coupon @param {number} amount */
export function discountOf({ percent, amount: off }, amount) {
  return percent === null ? Math.min(off ?? 0, amount) : Number((BigInt(amount) * BigInt(percent)) / 100n);
}
