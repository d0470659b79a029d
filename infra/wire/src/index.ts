// The public surface of wire.

export * from './aws-signature.ts';
export * from './cri-log.ts';
export * from './proxy-protocol.ts';
export * from './resp-parser.ts';
export * from './resp-value.ts';
export * from './resp-write.ts';
export * from './unity-cache-encode.ts';
export * from './unity-cache-key.ts';
export * from './unity-cache-reply.ts';
export * from './unity-cache-request.ts';
export * from './x509/issue.ts';
