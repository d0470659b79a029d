// The public surface of kube.

export * from './api-message.ts';
export * from './errors.ts';
export * from './field-error.ts';
export * from './field-selector.ts';
export * from './generated/kinds.ts';
export * from './names.ts';
export * from './object.ts';
export * from './quantity.ts';
export * from './resource.ts';
export * from './selector.ts';
export * from './status.ts';
