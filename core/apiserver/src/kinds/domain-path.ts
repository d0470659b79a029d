// Names such as `example.com/controller`, in apimachinery's words (IsDomainPrefixedPath).

import {
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldInvalid,
  fieldRequired,
} from '@tweendeck/kube';

const pathFormat = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const pathPattern = new RegExp(`^${pathFormat}$`);

export function domainPathProblems(text: string, at: FieldPath): readonly FieldError[] {
  if (text === '') return [fieldRequired(at)];
  const slash = text.indexOf('/');
  const host = text.slice(0, Math.max(0, slash));
  const rest = text.slice(slash + 1);
  if (slash < 0 || host === '' || rest === '') {
    const detail = 'must be a domain-prefixed path (such as "acme.io/foo")';
    return [fieldInvalid(at, text, detail)];
  }
  const problems = dnsSubdomainProblems(host).map((problem) => fieldInvalid(at, host, problem));
  if (pathPattern.test(rest)) return problems;
  const detail = `Invalid path (regex used for validation is '${pathFormat}')`;
  return [...problems, fieldInvalid(at, rest, detail)];
}
