/** Fills the slots of a product, wherever the server rendered them. */
import { room, words } from './main.js';
import { money, offerOf, pictureOf } from './offers.js';
import { cartsText, stockText } from './said.js';
import { countdown } from './stage.js';

/** @typedef {import('../events').ProductInfo} Product */

const { t } = words;

/** @param {ParentNode} root @param {string} name @param {string} text */
export function put(root, name, text) {
  for (const slot of root.querySelectorAll(`[data-slot="${name}"]`)) if (slot.textContent !== text) slot.textContent = text;
}

/** @param {ParentNode} root @param {string} selector @param {boolean} shown */
export function show(root, selector, shown) {
  const found = root.querySelector(selector);
  if (found) found.toggleAttribute('hidden', !shown);
}

/** Fill picture, price and stock of a row, a card or the sheet. @param {HTMLElement} root @param {Product} product @param {string} [variant] */
export function fillOffer(root, product, variant) {
  const offer = offerOf(product, variant), price = money(offer.price, product.currency, words.locale);
  const picture = root.querySelector('img[data-slot=picture]'), source = product.pictures[0] ? pictureOf(product.pictures[0]) : '';
  if (picture && picture.getAttribute('src') !== (source || null)) { if (source) picture.setAttribute('src', source); else picture.removeAttribute('src'); }
  picture?.toggleAttribute('hidden', !source);
  put(root, 'title', product.title);
  put(root, 'price', offer.differs ? t('From {price}', { price }) : price);
  put(root, 'off', `-${offer.percent}%`);
  show(root, '[data-slot=off]', offer.percent > 0);
  const was = root.querySelector('[data-slot=was] > span:last-child');
  if (was) was.textContent = offer.was === null ? '' : money(offer.was, product.currency, words.locale);
  show(root, '[data-slot=was]', offer.was !== null);
  put(root, 'left', stockText(words, offer, product.stopped));
  put(root, 'carts', cartsText(words, offer.inCarts));
  root.querySelector('[data-slot=stock]')?.classList.toggle('w', offer.low && offer.left > 0 && !product.stopped);
  root.querySelector('[data-slot=meter] rect')?.setAttribute('width', String(offer.share ?? 0));
  show(root, '[data-slot=meter]', offer.share !== null);
  show(root, '[data-slot=count]', offer.countTo !== null);
  put(root, 'count-what', offer.on ? t('The offer ends in') : t('The offer begins in'));
  const clock = root.querySelector('[data-slot=clock]');
  if (clock instanceof HTMLElement) { clock.dataset.until = String(offer.countTo ?? ''); tick(clock); }
  return offer;
}

/** Write what is left until the moment that a clock counts to, by the server's time. @param {HTMLElement} clock */
export function tick(clock) {
  const until = Number(clock.dataset.until);
  if (!until) return;
  const text = countdown(Math.max(0, Math.ceil((until - room.connection.now()) / 1000)), words);
  if (clock.textContent !== text) clock.textContent = text;
}
