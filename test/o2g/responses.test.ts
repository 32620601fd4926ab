import assert from 'node:assert/strict';
import { readResponse, retryDelayMs } from '../../o2g/session/responses';
import { ERROR_TYPES, O2GError } from '../../o2g/spec/errors';
import type { HttpResponse } from '../../o2g/transport/transport';

const answer = (status: number, body: unknown = '', headers: HttpResponse['headers'] = {}): HttpResponse => ({
  status,
  headers,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const errorOf = (given: HttpResponse): O2GError => {
  try {
    readResponse('startMonitor', given);
  } catch (error) {
    if (error instanceof O2GError) return error;
  }
  throw new Error('no O2GError was thrown');
};

describe('errors of the server', () => {
  for (const [type, code] of Object.entries(ERROR_TYPES)) {
    it(`${type} is the code, its whole RestErrorInfo the cause, its words in the message`, () => {
      const info = {
        httpStatus: 'BAD_REQUEST',
        code,
        helpMessage: 'Help comes.',
        type,
        innerMessage: 'deviceNumber is mandatory',
        canRetry: true,
      };
      const error = errorOf(answer(400, info));
      assert.equal(error.code, type);
      assert.deepEqual(error.cause, info);
      assert.match(
        error.message,
        new RegExp(`startMonitor.*${type}.*${code}.*Help comes\\. deviceNumber is mandatory`),
      );
    });
  }

  for (const [status, code] of [
    [400, 'BAD_PARAMETER'],
    [401, 'NOT_ALLOWED'],
    [403, 'NOT_ALLOWED'],
    [404, 'NOT_FOUND'],
    [405, 'NOT_SUPPORTED'],
    [500, 'SERVER_PROBLEM'],
    [502, 'SERVER_PROBLEM'],
    [503, 'NOT_READY'],
  ] as const) {
    it(`a page with ${status} is ${code}, its words kept without tags`, () => {
      const error = errorOf(
        answer(status, '<html><style>b{}</style><h1>It is&nbsp;down</h1><script>x()</script></html>'),
      );
      assert.equal(error.code, code);
      assert.match(error.message, /It is&nbsp;down/);
      assert.doesNotMatch(error.message, /[<>]|x\(\)|b\{\}/);
    });
    it(`an empty ${status} is ${code}`, () => {
      assert.equal(errorOf(answer(status)).code, code);
    });
  }

  it('an error type by its number only', () => {
    assert.equal(errorOf(answer(403, { code: 1001 })).code, 'INVALID_SESSION');
  });
  it('a type of the future is handed on', () => {
    assert.equal(errorOf(answer(409, { type: 'TOO_LATE' })).code, 'TOO_LATE');
  });
  it('a redirect is not followed and says so', () => {
    assert.match(errorOf(answer(302)).message, /redirects/);
  });
  it('a page instead of JSON is no result', () => {
    assert.equal(errorOf(answer(200, '<html>welcome</html>')).code, 'SERVER_PROBLEM');
  });
});

describe('results of the server', () => {
  it('pass unknown fields through untouched', () => {
    assert.deepEqual(readResponse('startMonitor', answer(200, { userId: 'oxe70120', future: [1] })), {
      userId: 'oxe70120',
      future: [1],
    });
  });
  it('absorb secured for secure', () => {
    assert.equal(
      readResponse('registerLink', answer(200, { registrationId: '1', secured: true })).secure,
      true,
    );
    assert.equal(
      readResponse('registerLink', answer(200, { registrationId: '1', secured: true, secure: false })).secure,
      false,
    );
  });
  it('take an empty 200 of POST record for no keys', () => {
    assert.deepEqual(readResponse('startRecord', answer(200)), {});
  });
  it('are nothing for 204', () => {
    assert.doesNotThrow(() => {
      readResponse('stopMonitor', answer(204));
    });
  });
});

describe('what is repeated', () => {
  const passing: readonly [string, HttpResponse | O2GError][] = [
    ['429', answer(429)],
    ['502', answer(502, '<html>')],
    ['504', answer(504)],
    ['503 NOT_READY', answer(503, { code: 1000, type: 'NOT_READY' })],
    ['503 empty', answer(503)],
    ['a failed connection', new O2GError('NOT_CONNECTED', '')],
  ];
  for (const [what, outcome] of passing) {
    it(`${what}: three times, then no more`, () => {
      assert.deepEqual(
        [0, 1, 2, 3].map((repeats) => retryDelayMs(outcome, repeats, 0)),
        [250, 750, 2250, undefined],
      );
    });
  }
  for (const [what, outcome] of [
    ['a good answer', answer(200)],
    [
      'a refusal that the caller could mend (canRetry)',
      answer(400, { type: 'BAD_PARAMETER', canRetry: true }),
    ],
    ['503 of a missing plugin', answer(503, { code: 1007, type: 'SERVER_PROBLEM' })],
    ['500', answer(500)],
    ['a time-out', new O2GError('TIMEOUT', '')],
  ] as const) {
    it(`${what}: never`, () => {
      assert.equal(retryDelayMs(outcome, 0, 0), undefined);
    });
  }
  it('Retry-After is honoured, within ten seconds in all', () => {
    assert.equal(retryDelayMs(answer(503, '', { 'retry-after': '2' }), 0, 1000), 2000);
    assert.equal(retryDelayMs(answer(503, '', { 'retry-after': '60' }), 0, 0), undefined);
    assert.equal(retryDelayMs(answer(503, '', { 'retry-after': '2' }), 1, 9000), undefined);
  });
});
