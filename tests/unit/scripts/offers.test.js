import assert from 'node:assert/strict';
import { test } from 'node:test';
import { translator } from '../../../web/static/core/i18n.js';
import { Attempt, discountOf, EXPONENTS, money, most, offerOf, percentOff, restocked, worthSaying } from '../../../web/static/live/offers.js';
import { purchaseText, spokenText } from '../../../web/static/live/said.js';

const variant = (id, price, left, more = {}) => ({ id, title: id, code: '', price, was_price: null, left, in_carts: 0, ...more });
const product = (...variants) => ({ id: '1', title: 'Serum', about: '', code: null, currency: 'JPY', pictures: [], per_person: null, sale: null, stopped: false, offline: false, variants });
const sale = (on, more = {}) => ({ id: '9', on, price: 3960, total: 50, left: 12, per_person: null, starts_at: 1000, ends_at: 2000, ...more });

test('the price of a sale holds when the server says so, whatever the time is', () => {
  const made = product(variant('a', 4950, 40));
  assert.equal(offerOf({ ...made, sale: sale(false, { starts_at: 0 }) }).price, 4950);
  const on = offerOf({ ...made, sale: sale(true, { ends_at: 0 }) });
  assert.deepEqual([on.price, on.was, on.percent, on.left, on.share, on.low], [3960, 4950, 20, 12, 24, true]);
});

test('the percentage is worked out of whole numbers and never rounded up', () => {
  assert.equal(percentOff(3960, 4950), 20);
  assert.equal(percentOff(999, 1000), 0);
  assert.equal(percentOff(9007199254740990, 9007199254740991), 0);
  assert.equal(percentOff(67, 100), 33);
});

test('amounts are written in their own minor units without losing a digit', () => {
  assert.equal(money(3960, 'JPY', 'en'), '¥3,960');
  assert.equal(money(3960, 'USD', 'en'), '$39.60');
  assert.match(money(3960, 'JPY', 'ar-u-nu-latn'), /3,960\s\u2066JP¥\u2069/);
  assert.equal(money(5, 'USD', 'en'), '$0.05');
  assert.equal(money(9007199254740991, 'USD', 'en'), '$90,071,992,547,409.91');
  assert.match(money(1500, 'KWD', 'en'), /1\.500$/);
});

test('what Intl leaves out is written where there is some of it', () => {
  assert.match(money(1250000, 'IQD', 'en'), /1,250$/);
  assert.match(money(1250500, 'IQD', 'en'), /1,250\.500$/);
});

test('the browser counts minor units as the server does', { skip: !process.env.EXPONENTS }, () => {
  assert.deepEqual(Object.fromEntries(EXPONENTS), JSON.parse(process.env.EXPONENTS));
});

test('offers are worked out as the server did for the page', { skip: !process.env.OFFERS }, () => {
  for (const [told, { in_carts: inCarts, count_to: countTo, ...rest }] of JSON.parse(process.env.OFFERS)) assert.deepEqual(offerOf(told), { ...rest, inCarts, countTo });
});

test('a wish keeps its key until the server has decided', () => {
  let made = 0;
  const attempt = new Attempt(() => `k${++made}`), wish = { product: '1', variant: 'a', quantity: 1, price: 5, coupon: null, named: false };
  assert.equal(attempt.keyFor(wish), 'k1');
  assert.equal(attempt.keyFor({ ...wish }), 'k1');
  assert.equal(attempt.keyFor({ ...wish, quantity: 2 }), 'k2');
  attempt.decided();
  assert.equal(attempt.keyFor({ ...wish, quantity: 2 }), 'k3');
});

test('stock is said aloud only at ten, three and none', () => {
  const said = [];
  for (let left = 12; left > 0; left--) if (worthSaying(left, left - 1)) said.push(left - 1);
  assert.deepEqual(said, [10, 3, 0]);
  assert.equal(worthSaying(0, 5), false);
  assert.equal(worthSaying(40, 2), true);
});

test('what is left is taken over variant by variant', () => {
  const made = { ...product(variant('a', 5, 9), variant('b', 5, 9)), sale: sale(true) };
  const told = restocked(made, { event: 'stock.changed', product: '1', variants: [{ id: 'b', left: 2, in_carts: 3 }], sale_left: 4 });
  assert.deepEqual(told.variants.map(({ left, in_carts }) => [left, in_carts]), [[9, 0], [2, 3]]);
  assert.equal(told.sale.left, 4);
});

test('nobody may ask for more than there is or than one person may have', () => {
  assert.equal(most(product(variant('a', 5, 200)), 'a'), 99);
  assert.equal(most({ ...product(variant('a', 5, 200)), per_person: 3 }, 'a'), 3);
  assert.equal(most({ ...product(variant('a', 5, 200)), per_person: 3, sale: sale(true, { per_person: 2 }) }, 'a'), 2);
  assert.equal(most(product(variant('a', 5, 0)), 'a'), 1);
});

test('a coupon never takes off more than there is to pay', () => {
  assert.equal(discountOf({ percent: 10, amount: null }, 999), 99);
  assert.equal(discountOf({ percent: null, amount: 500 }, 300), 300);
});

test('who wants no name is counted and not named', () => {
  const words = translator('en', {}), bare = (text) => text.replace(/[\u2068\u2069]/g, '');
  const made = { event: 'purchase.made', product: '1', title: 'Serum' };
  assert.equal(bare(purchaseText(words, { ...made, name: 'Sakura', others: 6 })), 'Sakura and 6 others bought “Serum”');
  assert.equal(bare(purchaseText(words, { ...made, name: 'Sakura', others: 0 })), 'Sakura bought “Serum”');
  assert.equal(bare(purchaseText(words, { ...made, name: null, others: 1 })), '1 person bought “Serum”');
});

test('every outcome of a comment that means to buy is said in words', () => {
  const words = translator('en', {});
  assert.match(spokenText(words, 'ask.variant', '買う 12'), /which one\?/);
  assert.match(spokenText(words, 'something new', '買う 12'), /could not be reserved/);
});
