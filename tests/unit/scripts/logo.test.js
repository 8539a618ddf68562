import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hidden } from '../../../web/static/owner/logo.js';

const dots = (grey, alpha = 255, count = 9) => Array.from({ length: count }, () => [grey, grey, grey, alpha]).flat();

test('a white logo is hard to see on light pages and a black one on dark pages', () => {
  assert.equal(hidden(dots(255)), 'light');
  assert.equal(hidden(dots(0)), 'dark');
});

test('a grey logo, or one with a ground of its own, is seen on both', () => {
  assert.equal(hidden(dots(128)), '');
  assert.equal(hidden([...dots(255), ...dots(0)]), '');
});

test('what is transparent counts for nothing', () => {
  assert.equal(hidden([...dots(0, 0, 100), ...dots(255)]), 'light');
  assert.equal(hidden(dots(0, 0)), '');
});
