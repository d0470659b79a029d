// Signs requests as S3 and its like want them: AWS Signature Version 4 (docs.aws.amazon.com/AmazonS3/latest/API/
// sig-v4-header-based-auth.html). Pure.

import { createHash, createHmac } from 'node:crypto';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of credentials that are lent for a while. */
  readonly sessionToken?: string | undefined;
}

export interface AwsRequest {
  readonly method: string;
  /** With the port, where it is not the usual one. */
  readonly host: string;
  /** As it is sent: encoded by {@link encodeAwsPath}. */
  readonly path: string;
  /** Not encoded. */
  readonly query?: Readonly<Record<string, string>>;
  /** Beside those that signing adds. */
  readonly headers?: Readonly<Record<string, string>>;
  /** SHA-256 of the body, in hexadecimal digits. */
  readonly bodySha256: string;
}

export interface AwsScope {
  readonly credentials: AwsCredentials;
  readonly region: string;
  readonly service: string;
  /** Wall milliseconds. */
  readonly nowMs: number;
}

const algorithm = 'AWS4-HMAC-SHA256';

/** All headers of the request, its signature among them. */
export function signAwsRequest(
  request: AwsRequest,
  { credentials, region, service, nowMs }: AwsScope,
): Readonly<Record<string, string>> {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const { sessionToken } = credentials;
  const headers: Readonly<Record<string, string>> = {
    ...lowerCased(request.headers ?? {}),
    host: request.host,
    'x-amz-content-sha256': request.bodySha256,
    'x-amz-date': time,
    ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const signed = names.join(';');
  const canonical = [
    ...[request.method, request.path, encodeAwsQuery(request.query ?? {})],
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
    ...['', signed, request.bodySha256],
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = [algorithm, time, scope, sha256Hex(canonical)].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce<Uint8Array>(
    (secret, word) => hmac(secret, word),
    Buffer.from(`AWS4${credentials.secretAccessKey}`),
  );
  const signature = Buffer.from(hmac(key, text)).toString('hex');
  const credential = `${credentials.accessKeyId}/${scope}`;
  return {
    ...headers,
    authorization: `${algorithm} Credential=${credential}, SignedHeaders=${signed}, Signature=${signature}`,
  };
}

/** In the order that is signed. */
export function encodeAwsQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${encodeWord(name)}=${encodeWord(value)}`)
    .sort()
    .join('&');
}

/** Slashes stay. */
export function encodeAwsPath(path: string): string {
  return path.split('/').map(encodeWord).join('/');
}

export function sha256Hex(body: string | Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}

function encodeWord(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function lowerCased(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac('sha256', key).update(text).digest();
}
