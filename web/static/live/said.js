/** What is said of stock, purchases, orders and comments that mean to buy; pure. */

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {import('./offers.js').Offer} Offer
 */

const MANY = 100;

/** Say what is left. @param {Words} words @param {Offer} offer @param {boolean} stopped */
export function stockText({ t, tn }, { left, low }, stopped) {
  if (stopped) return t('Sales are paused');
  if (left === 0) return t('Sold out');
  return low || left < MANY ? tn('{n} left', '{n} left', left) : t('In stock');
}

/** Say how many others hold. @param {Words} words @param {number} n */
export function cartsText({ tn }, n) { return n > 0 ? tn('in {n} cart', 'in {n} carts', n) : ''; }

/** Say what was bought by whom. @param {Words} words @param {import('../events').PurchaseMade} made */
export function purchaseText({ t, tn }, { name, others, title }) {
  const said = { title: `\u2068${title}\u2069`, name: `\u2068${name ?? ''}\u2069` };
  if (name === null) return tn('{n} person bought “{title}”', '{n} people bought “{title}”', others, said);
  if (others === 0) return t('{name} bought “{title}”', said);
  return tn('{name} and {n} other bought “{title}”', '{name} and {n} others bought “{title}”', others, said);
}

/** Say what became of an order; empty for what needs no words. @param {Words} words @param {import('../events').OrderInfo} order */
export function orderText({ t }, { state, title }) {
  const said = { title: `\u2068${title}\u2069` };
  switch (state) {
    case 'placed': return t('Ordered: “{title}”. The host will contact you.', said);
    case 'paid': return t('Paid: “{title}”. Thank you!', said);
    case 'cancelled': return t('The order of “{title}” was cancelled.', said);
    case 'refund_due': return t('“{title}” was sold out when the payment came. Your money is sent back.', said);
    case 'refunded': return t('The money for “{title}” was sent back.', said);
    default: return '';
  }
}

/**
 * Say to somebody alone what became of their comment that meant to buy.
 * @param {Words} words @param {string} outcome @param {string} text the comment @param {import('../events').ReservationInfo} [reservation]
 */
export function spokenText({ t }, outcome, text, reservation) {
  return t('Only you see this. “{text}”: {outcome}', { text: `\u2068${text}\u2069`, outcome: outcomeText(t, outcome, reservation?.title ?? '') });
}

/** @param {Words['t']} t @param {string} outcome @param {string} title */
function outcomeText(t, outcome, title) {
  switch (outcome) {
    case 'ok': return t('“{title}” is held for you.', { title: `\u2068${title}\u2069` });
    case 'sold_out': return t('that is sold out.');
    case 'limit_reached': return t('you have as many as one person may buy.');
    case 'stopped': return t('sales are paused.');
    case 'too_late': return t('it came too late. Try the button of the product.');
    case 'expired': return t('the price has changed. Look at the product again.');
    case 'ask.variant': case 'ask.variant_unknown': return t('which one? Write the code and the kind, as the host said them.');
    case 'ask.quantity': return t('how many? Write a number from 1 to 99.');
    case 'ask.code_unknown': return t('there is no product with this code here.');
    case 'ask.several': case 'ask.ambiguous': return t('it could mean several products. Write one code in a comment.');
    case 'ask.confirm': return t('did you mean to buy? Write it again with the word for buying.');
    case 'unauthenticated': case 'forbidden': case 'muted': return t('you may not buy here at the moment.');
    default: return t('that could not be reserved. Try the button of the product.');
  }
}
