package main

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

type textRequest struct {
	Text   string            `json:"text"`
	Labels map[string]string `json:"labels"`
}

func readQuantity(raw []byte) any {
	var asked textRequest
	read(raw, &asked)
	quantity, err := resource.ParseQuantity(asked.Text)
	if err != nil {
		return failed(err)
	}
	number, suffix := quantity.CanonicalizeBytes(nil)
	return map[string]any{
		"canonical": string(number) + string(suffix),
		"text":      quantity.String(),
		"value":     fmt.Sprint(quantity.Value()),
		"milli":     fmt.Sprint(quantity.MilliValue()),
		"sign":      quantity.Sign(),
	}
}

func readLabelSelector(raw []byte) any {
	var asked textRequest
	read(raw, &asked)
	selector, err := labels.Parse(asked.Text)
	if err != nil {
		return failed(err)
	}
	return map[string]any{"text": selector.String(), "matches": selector.Matches(labels.Set(asked.Labels))}
}

func readFieldSelector(raw []byte) any {
	var asked textRequest
	read(raw, &asked)
	selector, err := fields.ParseSelector(asked.Text)
	if err != nil {
		return failed(err)
	}
	return map[string]any{"text": selector.String(), "matches": selector.Matches(fields.Set(asked.Labels))}
}

func checkNames(raw []byte) any {
	var asked textRequest
	read(raw, &asked)
	out := map[string][]string{}
	for name, check := range map[string]func(string) []string{
		"dnsLabel":        validation.IsDNS1123Label,
		"dnsSubdomain":    validation.IsDNS1123Subdomain,
		"dns1035Label":    validation.IsDNS1035Label,
		"qualifiedName":   validation.IsQualifiedName,
		"labelValue":      validation.IsValidLabelValue,
		"portName":        validation.IsValidPortName,
		"configKey":       validation.IsConfigMapKey,
		"environmentName": validation.IsRelaxedEnvVarName,
	} {
		problems := check(asked.Text)
		if problems == nil {
			problems = []string{}
		}
		out[name] = problems
	}
	return out
}

func quote(raw []byte) any {
	var asked textRequest
	read(raw, &asked)
	return map[string]string{"text": fmt.Sprintf("%q", asked.Text)}
}

func matchPattern(raw []byte) any {
	var asked struct {
		Pattern string `json:"pattern"`
		Text    string `json:"text"`
	}
	read(raw, &asked)
	expression, err := regexp.Compile(asked.Pattern)
	if err != nil {
		return failed(err)
	}
	found := [][]int{}
	for _, each := range expression.FindAllStringIndex(asked.Text, -1) {
		found = append(found, each)
	}
	return map[string]any{"matches": expression.MatchString(asked.Text), "found": found}
}
