// Templates of pods, as every workload carries one: defaults, and what they must be.

import {
  type FieldError,
  type FieldPath,
  type LabelSelector,
  labelSelectorFromObject,
  validateLabels,
} from '@tweendeck/kube';
import { isPlatformError } from '@tweendeck/std';
import { type Fields, objectAt, objectIn } from '../draft.ts';
import { annotationProblems } from '../metadata.ts';
import { defaultPodSpec } from './pod-defaults.ts';
import { podSpecProblems } from './pod-validation.ts';

export function defaultPodTemplate(owner: Fields): void {
  const template = objectIn(owner, 'template');
  objectIn(template, 'metadata');
  defaultPodSpec(objectIn(template, 'spec'));
}

/** Labels as they were checked when the body came in: texts to texts. */
export function templateLabels(template: Fields): Record<string, string> {
  return objectAt(objectAt(template, 'metadata'), 'labels') as Record<string, string>; // see above
}

/** Rules: upstream's ValidatePodTemplateSpec. */
export function podTemplateProblems(template: Fields, at: FieldPath): readonly FieldError[] {
  const metadata = objectAt(template, 'metadata');
  // As with labels: a map of texts.
  const annotations = objectAt(metadata, 'annotations') as Record<string, string>;
  return [
    ...validateLabels(templateLabels(template), at.child('labels')),
    ...annotationProblems(annotations, at.child('annotations')),
    ...podSpecProblems(objectAt(template, 'spec'), at.child('spec')),
  ];
}

/** As an error shows them: null when there are none. */
export function shownLabels(template: Fields): Record<string, string> | null {
  const labels = templateLabels(template);
  return Object.keys(labels).length === 0 ? null : labels;
}

/** Whether a selector takes the pods of a template; one that does not parse takes none. */
export function selectsTemplate(selector: LabelSelector, template: Fields): boolean {
  try {
    return labelSelectorFromObject(selector).matches(templateLabels(template));
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    return false;
  }
}
