// The public surface of kube.

export * from './api-message.ts';
export * from './generated/kinds.ts';
export * from './object.ts';
export * from './resource.ts';
export * from './status.ts';
