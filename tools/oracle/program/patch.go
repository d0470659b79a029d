package main

import (
	"encoding/json"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"
)

type patchRequest struct {
	Original json.RawMessage `json:"original"`
	Patch    json.RawMessage `json:"patch"`
}

func document(raw []byte) any {
	var out any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &out); err != nil {
		panic(err)
	}
	return out
}

func strategicMerge(raw []byte) any {
	var asked struct {
		Components string         `json:"components"`
		Schema     string         `json:"schema"`
		Original   map[string]any `json:"original"`
		Patch      map[string]any `json:"patch"`
	}
	read(raw, &asked)
	schemas := components[asked.Components].schemas
	meta := strategicpatch.PatchMetaFromOpenAPIV3{SchemaList: schemas, Schema: schemas[asked.Schema]}
	merged, err := strategicpatch.StrategicMergeMapPatchUsingLookupPatchMeta(asked.Original, asked.Patch, meta)
	if err != nil {
		return failed(err)
	}
	return map[string]any{"object": merged}
}

func jsonPatch(raw []byte) any {
	var asked patchRequest
	if err := json.Unmarshal(raw, &asked); err != nil {
		panic(err)
	}
	patch, err := jsonpatch.DecodePatch(asked.Patch)
	if err != nil {
		return failed(err)
	}
	patched, err := patch.Apply(asked.Original)
	if err != nil {
		return failed(err)
	}
	return map[string]any{"object": document(patched)}
}

func mergePatch(raw []byte) any {
	var asked patchRequest
	if err := json.Unmarshal(raw, &asked); err != nil {
		panic(err)
	}
	patched, err := jsonpatch.MergePatch(asked.Original, asked.Patch)
	if err != nil {
		return failed(err)
	}
	return map[string]any{"object": document(patched)}
}
