package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	schemacel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/version"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
)

// evaluateExpression compiles one expression where `self` has a structural schema, and evaluates it for values.
func evaluateExpression(raw []byte) any {
	var asked struct {
		Schema     *apiextensionsv1.JSONSchemaProps
		Expression string
	}
	if err := json.Unmarshal(raw, &asked); err != nil {
		panic(err)
	}
	var values struct {
		Values []any `json:"values"`
	}
	read(raw, &values)
	structural := structuralOf(asked.Schema)
	declared := model.SchemaDeclType(structural, false)
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion(), true)
	set, err := base.Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions:        []cel.EnvOption{cel.Variable("self", declared.MaybeAssignTypeName("selfType").CelType())},
		DeclTypes:         []*apiservercel.DeclType{declared.MaybeAssignTypeName("selfType")},
	})
	if err != nil {
		panic(err)
	}
	env := set.NewExpressionsEnv()
	compiled, issues := env.Compile(asked.Expression)
	if issues.Err() != nil {
		return map[string]string{"compile": issues.Err().Error()}
	}
	out := map[string]any{"type": compiled.OutputType().String()}
	estimator := &library.CostEstimator{SizeEstimator: &sizes{root: declared}}
	if estimate, err := env.EstimateCost(compiled, estimator); err == nil {
		out["estimate"] = []string{fmt.Sprint(estimate.Min), fmt.Sprint(estimate.Max)}
	}
	program, err := env.Program(compiled, cel.CostLimit(1_000_000), cel.CostTracking(estimator), cel.InterruptCheckFrequency(100))
	if err != nil {
		return map[string]string{"program": err.Error()}
	}
	results := []any{}
	for _, value := range values.Values {
		found, details, err := program.ContextEval(context.Background(), map[string]any{"self": schemacel.UnstructuredToVal(value, structural)})
		result := map[string]any{}
		if err != nil {
			result["error"] = err.Error()
		} else {
			result["value"] = printed(found)
		}
		if details != nil && details.ActualCost() != nil {
			result["cost"] = *details.ActualCost()
		}
		results = append(results, result)
	}
	out["results"] = results
	return out
}

func structuralOf(props *apiextensionsv1.JSONSchemaProps) *structuralschema.Structural {
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, &internal, nil); err != nil {
		panic(err)
	}
	structural, err := structuralschema.NewStructural(&internal)
	if err != nil {
		panic(err)
	}
	return structural
}

// printed names the type of a value and spells it.
func printed(value ref.Val) string {
	switch each := value.(type) {
	case traits.Lister:
		parts := []string{}
		for it := each.Iterator(); it.HasNext() == types.True; {
			parts = append(parts, printed(it.Next()))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *types.Optional:
		if each.HasValue() {
			return "optional(" + printed(each.GetValue()) + ")"
		}
		return "none"
	case traits.Mapper:
		return fmt.Sprintf("%s of %v", value.Type().TypeName(), each.Size().Value())
	case types.Timestamp, types.Duration:
		return fmt.Sprintf("%s %s", value.Type().TypeName(), value.ConvertToType(types.StringType).Value())
	case types.Null:
		return "null_type null"
	case types.Bytes:
		return fmt.Sprintf("bytes %x", []byte(each))
	case apiservercel.Quantity:
		number, suffix := each.Quantity.CanonicalizeBytes(nil)
		return "quantity " + string(number) + string(suffix)
	case apiservercel.URL:
		return "url " + each.URL.String()
	case apiservercel.IP:
		return "ip " + each.Addr.String()
	case apiservercel.CIDR:
		return "cidr " + each.Prefix.String()
	case apiservercel.Semver:
		return "semver " + each.Version.String()
	}
	return fmt.Sprintf("%s %v", value.Type().TypeName(), value.Value())
}

// sizes knows, as the validation of a definition does, how large what the schema describes can be.
type sizes struct{ root *apiservercel.DeclType }

func (s *sizes) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	if len(element.Path()) == 0 {
		return nil
	}
	current := s.root
	for _, name := range element.Path()[1:] {
		switch name {
		case "@items", "@values":
			if current.ElemType == nil {
				return nil
			}
			current = current.ElemType
		case "@keys":
			if current.KeyType == nil {
				return nil
			}
			current = current.KeyType
		default:
			found, exists := current.Fields[name]
			if !exists {
				return nil
			}
			current = found.Type
		}
	}
	return &checker.SizeEstimate{Min: 0, Max: uint64(current.MaxElements)}
}

func (s *sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}
