import assert from 'node:assert/strict';
import { chooseChannelUrl, chooseUrl, readServerUrl, type ResolvedAccess } from '../../o2g/session/site-urls';

const https = new URL('https://o2g.example.com:8443');
const http = new URL('http://o2g.example.com');

describe('the addresses that are spoken to', () => {
  for (const [what, typed, side, offered, expected] of [
    [
      'the typed origin, whatever the server names',
      https,
      'typed',
      { public: 'http://evil.example.net/api/rest/1.0', private: 'http://10.0.0.1:80/api/rest/1.0' },
      'https://o2g.example.com:8443/api/rest/1.0',
    ],
    [
      'a host-less URL',
      https,
      'typed',
      { public: '/api/rest/1.0/sessions' },
      'https://o2g.example.com:8443/api/rest/1.0/sessions',
    ],
    [
      'a double slash',
      https,
      'typed',
      { private: 'https://h/api/rest/1.0//sessions' },
      'https://o2g.example.com:8443/api/rest/1.0/sessions',
    ],
    [
      'the private host by consent',
      https,
      'private',
      { public: 'https://pub/a', private: 'https://10.0.0.1/a' },
      'https://10.0.0.1/a',
    ],
    [
      'the public host by consent',
      https,
      'public',
      { public: 'https://pub/a', private: 'https://10.0.0.1/a' },
      'https://pub/a',
    ],
    [
      'the query of the authentication',
      http,
      'typed',
      { public: 'https://h/api/rest/authenticate?version=1.0' },
      'http://o2g.example.com/api/rest/authenticate?version=1.0',
    ],
  ] as const) {
    it(`use ${what}`, () => {
      assert.equal(chooseUrl(typed, side, offered).href, expected);
    });
  }

  for (const side of ['private', 'public'] as const) {
    it(`are never http after https was typed (${side})`, () => {
      assert.throws(() => chooseUrl(https, side, { public: 'http://pub/a', private: 'http://10.0.0.1/a' }), {
        code: 'REFUSED',
        message: /https was typed/,
      });
    });
  }

  for (const [what, typed, side, offered, port, expected] of [
    [
      'on the port that the server names for the scheme',
      https,
      'typed',
      {
        public: 'https://pub:8016/OTEvents?subscriptionId=x',
        private: 'http://10.0.0.1:8014/OTEvents?subscriptionId=x',
      },
      undefined,
      'https://o2g.example.com:8016/OTEvents?subscriptionId=x',
    ],
    [
      'on the default port when the URL has none',
      http,
      'typed',
      { private: 'http://h/OTEvents?subscriptionId=x' },
      undefined,
      'http://o2g.example.com/OTEvents?subscriptionId=x',
    ],
    [
      'on the port that the user gave',
      https,
      'typed',
      { private: 'http://h:8014/OTEvents?subscriptionId=x' },
      9016,
      'https://o2g.example.com:9016/OTEvents?subscriptionId=x',
    ],
    [
      'at the host the user consented to',
      https,
      'private',
      { private: 'https://10.0.0.1:8016/OTEvents?subscriptionId=x' },
      undefined,
      'https://10.0.0.1:8016/OTEvents?subscriptionId=x',
    ],
  ] as const satisfies readonly (readonly [
    string,
    URL,
    ResolvedAccess,
    object,
    number | undefined,
    string,
  ])[]) {
    it(`have the event channel ${what}`, () => {
      assert.equal(chooseChannelUrl(typed, side, offered, port).href, expected);
    });
  }

  it('say which port is missing when the channel is offered over the other scheme only', () => {
    assert.throws(
      () =>
        chooseChannelUrl(
          https,
          'typed',
          { private: 'http://h:8014/OTEvents?subscriptionId=secret' },
          undefined,
        ),
      (error: Error) => {
        assert.match(error.message, /over http only \(port 8014\).*event port/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      },
    );
  });

  for (const value of [
    '',
    'o2g.example.com',
    'ftp://o2g',
    'https://u:p@o2g',
    'https://o2g/api/rest',
    7,
    undefined,
  ]) {
    it(`refuse to be typed as ${JSON.stringify(value)}`, () => {
      assert.throws(() => readServerUrl('url', value), { code: 'INVALID_INPUT', message: /^url: / });
    });
  }
});
