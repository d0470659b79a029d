// Selectors of nodes: terms of labels and fields. Rules and texts: upstream's core validation (ValidateNodeSelector).

import {
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  labelValueProblems,
  qualifiedNameProblems,
} from '@tweendeck/kube';
import { type Fields, listAt, textAt } from '../draft.ts';

export function nodeSelectorProblems(selector: Fields, at: FieldPath): readonly FieldError[] {
  const terms = listAt(selector, 'nodeSelectorTerms');
  const field = at.child('nodeSelectorTerms');
  if (terms.length === 0) {
    return [fieldRequired(field, 'must have at least one node selector term')];
  }
  return terms.flatMap((term, index) => nodeSelectorTermProblems(term, field.index(index)));
}

export function nodeSelectorTermProblems(term: Fields, at: FieldPath): readonly FieldError[] {
  return [
    ...listAt(term, 'matchExpressions').flatMap((each, index) =>
      expressionProblems(each, at.child('matchExpressions').index(index)),
    ),
    ...listAt(term, 'matchFields').flatMap((each, index) =>
      fieldProblems(each, at.child('matchFields').index(index)),
    ),
  ];
}

function valuesOf(requirement: Fields): readonly string[] {
  const { values } = requirement;
  return Array.isArray(values) ? values.map(String) : [];
}

function expressionProblems(requirement: Fields, at: FieldPath): readonly FieldError[] {
  const operator = textAt(requirement, 'operator');
  const key = textAt(requirement, 'key');
  const values = valuesOf(requirement);
  const field = at.child('values');
  const problems: FieldError[] = [];
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        const detail = "must be specified when `operator` is 'In' or 'NotIn'";
        problems.push(fieldRequired(field, detail));
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
        problems.push(fieldForbidden(field, detail));
      }
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        const detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
        problems.push(fieldRequired(field, detail));
      }
      break;
    default:
      problems.push(fieldInvalid(at.child('operator'), operator, 'not a valid selector operator'));
  }
  return [
    ...problems,
    ...qualifiedNameProblems(key).map((text) => fieldInvalid(at.child('key'), key, text)),
    ...values.flatMap((value, index) =>
      labelValueProblems(value).map((text) => fieldInvalid(field.index(index), value, text)),
    ),
  ];
}

function fieldProblems(requirement: Fields, at: FieldPath): readonly FieldError[] {
  const operator = textAt(requirement, 'operator');
  const key = textAt(requirement, 'key');
  const values = valuesOf(requirement);
  const problems: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn') {
    problems.push(fieldInvalid(at.child('operator'), operator, 'not a valid selector operator'));
  } else if (values.length !== 1) {
    const detail =
      "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    problems.push(fieldRequired(at.child('values'), detail));
  }
  if (key !== 'metadata.name') {
    return [...problems, fieldInvalid(at.child('key'), key, 'not a valid field selector key')];
  }
  return [
    ...problems,
    ...values.flatMap((value, index) =>
      dnsSubdomainProblems(value).map((text) =>
        fieldInvalid(at.child('values').index(index), value, text),
      ),
    ),
  ];
}
