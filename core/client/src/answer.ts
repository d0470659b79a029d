// Reads an answer of the API: JSON when all is well, an ApiError out of whatever else came.

import {
  ApiError,
  type ApiResponse,
  type StatusDetails,
  type StatusReason,
  WholeBody,
} from '@tweendeck/kube';
import { isJsonObject, PlatformError } from '@tweendeck/std';

const answerBytesMax = 256 * 1_024 * 1_024;

/** The JSON of an answer; throws the ApiError that a failure stands for. */
export async function jsonOf(response: ApiResponse, what: string): Promise<unknown> {
  const text = await textOf(response, what);
  if (response.status >= 400) throw failureOf(response, text);
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (cause) {
    throw new PlatformError('CLIENT_BAD_ANSWER', `${what}: the answer is not JSON`, { cause });
  }
}

/** The whole body as text; CLIENT_ANSWER_TOO_LARGE beyond 256 MiB. */
export async function textOf(response: ApiResponse, what: string): Promise<string> {
  const { body } = response;
  if (body instanceof WholeBody) return new TextDecoder().decode(body.bytes);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > answerBytesMax)
      throw new PlatformError(
        'CLIENT_ANSWER_TOO_LARGE',
        `${what}: the answer is longer than ${answerBytesMax} bytes`,
      );
    pieces.push(piece);
  }
  const [first] = pieces;
  const whole = first && pieces.length === 1 ? first : Buffer.concat(pieces);
  return new TextDecoder().decode(whole);
}

/** The failure that an answer of 400 and above stands for, also when its body is no Status: proxies answer in their own words. */
export function failureOf(
  response: Pick<ApiResponse, 'status' | 'headers'>,
  text: string,
): ApiError {
  const retryAfterSeconds = retryAfterOf(response.headers['retry-after']);
  const status = parsed(text);
  if (isJsonObject(status) && status['kind'] === 'Status')
    return errorOfStatus(status, response.status, retryAfterSeconds);
  const message = text.trim().slice(0, 1_000) || `the server answered ${response.status}`;
  return new ApiError(
    response.status,
    reasonOfCode(response.status),
    message,
    retryAfterSeconds === undefined ? undefined : { retryAfterSeconds },
  );
}

/** The failure in a Status object, such as the `object` of an ERROR event. `code` and `retryAfterSeconds` stand in for what it does not say. */
export function errorOfStatus(
  status: Readonly<Record<string, unknown>>,
  code: number,
  retryAfterSeconds?: number,
): ApiError {
  const own = typeof status['code'] === 'number' && status['code'] > 0 ? status['code'] : code;
  const message = typeof status['message'] === 'string' ? status['message'] : '';
  // A Status is read from an API server; a reason or detail of another shape would only reach a message.
  const reason = typeof status['reason'] === 'string' ? (status['reason'] as StatusReason) : '';
  const details = isJsonObject(status['details'])
    ? (status['details'] as StatusDetails)
    : undefined;
  const patient =
    retryAfterSeconds === undefined || details?.retryAfterSeconds !== undefined
      ? details
      : { ...details, retryAfterSeconds };
  return new ApiError(own, reason || reasonOfCode(own), message || `code ${own}`, patient);
}

const reasons: Readonly<Record<number, StatusReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function reasonOfCode(code: number): StatusReason {
  return reasons[code] ?? 'Unknown';
}

/** Only the form in seconds; API servers do not send dates. */
function retryAfterOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
