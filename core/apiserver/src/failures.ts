// The ways an API server says no, each with the reason, code, message and details a client of Kubernetes expects.

import { ApiError, type Status, type StatusCause } from '@tweendeck/kube';

/** What failures name: a resource such as `deployments` of `apps`. */
export interface GroupResource {
  readonly group: string;
  readonly plural: string;
}

const qualified = ({ group, plural }: GroupResource): string =>
  group === '' ? plural : `${plural}.${group}`;

const detailsOf = (resource: GroupResource, name: string) => ({
  ...(name === '' ? {} : { name }),
  ...(resource.group === '' ? {} : { group: resource.group }),
  kind: resource.plural,
});

export function notFound(resource: GroupResource, name: string): ApiError {
  return new ApiError(
    404,
    'NotFound',
    `${qualified(resource)} "${name}" not found`,
    detailsOf(resource, name),
  );
}

/** `prefix` begins the message. */
export function alreadyExists(resource: GroupResource, name: string, prefix = ''): ApiError {
  return new ApiError(
    409,
    'AlreadyExists',
    `${prefix}${qualified(resource)} "${name}" already exists`,
    detailsOf(resource, name),
  );
}

/** Every suffix tried for a `generateName` was taken. */
export function generatedNameTaken(resource: GroupResource, name: string): ApiError {
  return new ApiError(
    409,
    'AlreadyExists',
    `${qualified(resource)} "${name}" already exists, the server was not able to generate a unique name for the object`,
    { ...detailsOf(resource, name), retryAfterSeconds: 1 },
  );
}

const modifiedMessage =
  'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(
  resource: GroupResource,
  name: string,
  message: string = modifiedMessage,
): ApiError {
  return new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${message}`,
    detailsOf(resource, name),
  );
}

export function forbidden(
  resource: GroupResource,
  name: string,
  message: string,
  causes?: readonly StatusCause[],
): ApiError {
  const subject = name === '' ? `${qualified(resource)} is` : `${qualified(resource)} "${name}" is`;
  return new ApiError(403, 'Forbidden', `${subject} forbidden: ${message}`, {
    ...detailsOf(resource, name),
    ...(causes ? { causes } : {}),
  });
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

/** The answer for a path that is served by nothing: a line of text, no Status. */
export class UnservedPathError extends ApiError {
  /** What is answered. */
  readonly text = '404 page not found\n';

  constructor() {
    super(404, 'NotFound', 'the server could not find the requested resource', {});
  }
}

export function noSuchPath(): ApiError {
  return new UnservedPathError();
}

/** The answer below a group of the API: there is none of this version or name in it. Upstream answers for built-in groups by a Status. */
export function noSuchResource(group: { readonly isBuiltIn: boolean }): ApiError {
  if (!group.isBuiltIn) return noSuchPath();
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** Upstream knows the methods of built-in resources by their routes, and those of custom ones by itself. */
export function methodNotAllowed(
  resource: GroupResource & { readonly custom: boolean },
  verb: string,
): ApiError {
  if (!resource.custom) return methodNotKnown();
  return new ApiError(
    405,
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind "${qualified(resource)}"`,
    { ...(resource.group === '' ? {} : { group: resource.group }), kind: resource.plural },
  );
}

/** No resource knows this method. */
export function methodNotKnown(): ApiError {
  const message = 'the server does not allow this method on the requested resource';
  return new ApiError(405, 'MethodNotAllowed', message, {});
}

/** Nothing new of a kind whose definition is being deleted. */
export function createWhileTerminating({ group, plural }: GroupResource): ApiError {
  return new ApiError(
    405,
    'MethodNotAllowed',
    'create not allowed while custom resource definition is terminating',
    { group, kind: plural },
  );
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  return new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

export function notAcceptable(offered: readonly string[]): ApiError {
  return new ApiError(
    406,
    'NotAcceptable',
    `only the following media types are accepted: ${offered.join(', ')}`,
  );
}

/** As upstream's router tells it, which looks at what a client accepts before anything else does. */
export function noRepresentation(offered: readonly string[]): ApiError {
  const message = `406: Not Acceptable\n\nAvailable representations: ${offered.join(', ')}`;
  return new ApiError(406, 'NotAcceptable', message, {});
}

/** As upstream's router tells it. */
export function unroutedMediaType(): ApiError {
  return new ApiError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
}

export function tooLarge(limitBytes: number): ApiError {
  return new ApiError(
    413,
    'RequestEntityTooLarge',
    `Request entity too large: limit is ${limitBytes}`,
  );
}

/** An object that etcd would not take; in its words, since clients look for them. */
export function objectTooLarge(): ApiError {
  return plainFailure('etcdserver: request is too large');
}

/** Nothing was changed; reading goes on, and deletes do. */
export function storeFull(message: string): ApiError {
  return new ApiError(
    507,
    'InsufficientStorage',
    `the store is full, so that nothing was changed; delete objects or free space on its disk: ${message}`,
    {},
  );
}

export function headersTooLarge(): ApiError {
  return new ApiError(431, 'Unknown', 'Request Header Fields Too Large');
}

/** The client is to come again: there are too many requests now, or too many of his. */
export function tooManyRequests(message: string): ApiError {
  return new ApiError(429, 'TooManyRequests', message, { retryAfterSeconds: 1 });
}

/** Nobody knows what became of it. */
export function requestTimedOut(): ApiError {
  const message = 'Timeout: request did not complete within the allotted timeout';
  return new ApiError(504, 'Timeout', message, {});
}

/** What a client wants to read or watch from is no longer known. */
export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}

/** A page is no longer known. Its Status carries a token for the rest of the list as it is now, for clients that can do with that. */
export function expiredPage(message: string, continueWith: string): ApiError {
  return new ExpiredPage(message, continueWith);
}

class ExpiredPage extends ApiError {
  readonly #continue: string;

  constructor(message: string, continueWith: string) {
    super(410, 'Expired', message);
    this.#continue = continueWith;
  }

  override toStatus(): Status {
    return { ...super.toStatus(), metadata: { continue: this.#continue } };
  }
}

/** The client has seen a future we have not. */
export function tooLargeResourceVersion(wanted: number, current: number): ApiError {
  return new ApiError(
    504,
    'Timeout',
    `Too large resource version: ${wanted}, current: ${current}`,
    {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  );
}

/** A failure that upstream gives no reason. */
export function plainFailure(message: string): ApiError {
  return new ApiError(500, '', message);
}

/** Nobody runs containers for this server: upstream knows kubelets by the addresses of their nodes. */
export function noKubelet(): ApiError {
  return plainFailure('no preferred addresses found; known addresses: []');
}

/** An internal failure; `message` is shown to the client. */
export function internal(message: string): ApiError {
  return new ApiError(500, 'InternalError', `Internal error occurred: ${message}`, {
    causes: [{ message }],
  });
}
