import { phoneVariants } from '../../src/contacts/phone-variants';

describe('phoneVariants', () => {
  it.each([
    ['+15551234567'],
    ['15551234567'],
    ['0015551234567'],
    ['+1 (555) 123-4567'],
    [' 1.555.123.4567 '],
    ['+1 555 123 4567'],
  ])('reads %j as the same number', (text) => {
    expect(phoneVariants(text)).toEqual(['15551234567']);
  });

  it('leaves out the national zero that people write in brackets', () => {
    expect(phoneVariants('+44 (0)20 7946 0958')).toEqual(['442079460958']);
  });

  it.each([
    ['Brazil, mobile with the ninth digit', '+55 11 98765-4321', ['5511987654321', '551187654321']],
    ['Brazil, mobile without it', '+55 11 8765-4321', ['551187654321', '5511987654321']],
    ['Brazil, landline', '+55 11 3765-4321', ['551137654321']],
    ['Brazil, a nine that is no ninth digit', '+55 11 9 3765 4321', ['5511937654321']],
    ['Mexico, with the old 1', '+52 1 55 1234 5678', ['5215512345678', '525512345678']],
    ['Mexico, without it', '+52 55 1234 5678', ['525512345678', '5215512345678']],
    ['Argentina, mobile form', '+54 9 11 2345-6789', ['5491123456789', '541123456789']],
    ['Argentina, the same without the 9', '+54 11 2345-6789', ['541123456789', '5491123456789']],
    ['Sweden', '+46 70 123 45 67', ['46701234567']],
    ['Ivory Coast, whose old numbers had eight digits', '+225 07 01 02 03 04', ['2250701020304']],
  ])('%s', (_, text, digits) => {
    expect(phoneVariants(text)).toEqual(digits);
  });

  it.each([
    '',
    '+',
    'abc',
    '123',
    '+0 555 123 4567',
    '1'.repeat(16),
    '9KC0p+pi4zPGFO99ACDxdQ==',
    '+1555123456x',
  ])('takes %j for no phone number', (text) => {
    expect(phoneVariants(text)).toBeNull();
  });
});
