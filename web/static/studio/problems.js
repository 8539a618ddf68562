/** What went wrong with something that is sold, in the host's words. */
import { Refused } from '../core/connection.js';
import { refusalText } from '../room/composer.js';

/** @param {import('../core/i18n.js').Words} words @param {unknown} error */
export function problemText(words, error) {
  const { t } = words, refused = error instanceof Refused ? error : new Refused({ code: 'offline' });
  switch (refused.details.problem) {
    case 'not_below': return t('The price has to lie below the normal price of each variant.');
    case 'nothing': case 'empty': case 'not_a_price': case 'not_text': case 'grouping': case 'negative': return t('This is not a price.');
    case 'other_currency': return t('The price names another currency than the product has.');
    case 'ambiguous': return t('This may be thousands or decimals. Write it without the separator.');
    case 'too_fine': return t('This currency has fewer decimals.');
    case 'sale_on': return t('This product has a flash sale already. End it first.');
    case 'sale_over': return t('This flash sale is over.');
    case 'sale_long': return t('A flash sale lasts at most 20 minutes.');
    default: return refused.code === 'not_found' ? t('That is no longer there.') : refusalText(words, refused);
  }
}
