// The webhooks of the manager: what they decide, their certificate, and how they are made known to the server.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// painter completes what is made.
type painter struct{}

func (painter) Default(ctx context.Context, object runtime.Object) error {
	widget := object.(*Widget)
	request, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	if paint := widget.Annotations["paint"]; paint != "" && request.Operation == "CREATE" {
		widget.Spec.Colour = paint
	}
	if widget.Labels == nil {
		widget.Labels = map[string]string{}
	}
	widget.Labels["painted-at"] = strings.ToLower(string(request.Operation))
	return nil
}

// inspector refuses.
type inspector struct{}

func (inspector) ValidateCreate(_ context.Context, object runtime.Object) (admission.Warnings, error) {
	widget := object.(*Widget)
	if widget.Spec.Colour == "plaid" {
		where := field.NewPath("spec", "colour")
		return admission.Warnings{"plaid is out of fashion"}, apierrors.NewInvalid(
			widgetVersion.WithKind("Widget").GroupKind(), widget.Name,
			field.ErrorList{field.NotSupported(where, widget.Spec.Colour, []string{"grey", "red", "blue"})})
	}
	return nil, nil
}

func (inspector) ValidateUpdate(_ context.Context, old, object runtime.Object) (admission.Warnings, error) {
	was, is := old.(*Widget), object.(*Widget)
	if was.Spec.Colour != is.Spec.Colour {
		return nil, fmt.Errorf("a widget is not painted again: %s, not %s", was.Spec.Colour, is.Spec.Colour)
	}
	return nil, nil
}

func (inspector) ValidateDelete(_ context.Context, object runtime.Object) (admission.Warnings, error) {
	if object.(*Widget).Annotations["protected"] != "" {
		return nil, apierrors.NewForbidden(widgetResource(controllerGroup).GroupResource(), object.(*Widget).Name,
			fmt.Errorf("it is protected"))
	}
	return nil, nil
}

// hooks is where the webhooks are served, and by which authority they are believed.
type hooks struct {
	directory string
	port      int
	authority []byte
}

// newHooks makes an authority and a certificate of it, in a directory that the caller removes.
func newHooks() (*hooks, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "clients-webhooks-")
	if err != nil {
		return nil, err
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	begins, ends := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "clients"}, NotBefore: begins, NotAfter: ends,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	serving := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "webhooks"}, NotBefore: begins, NotAfter: ends,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return nil, err
	}
	servingDER, err := x509.CreateCertificate(rand.Reader, serving, authority, key.Public(), authorityKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: servingDER},
		"tls.key": {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(directory, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
	}
	return &hooks{
		directory: directory, port: port,
		authority: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityDER}),
	}, nil
}

const hooksName = "clients-widgets"

func (h *hooks) configOf(verb string) admissionv1.WebhookClientConfig {
	path := strings.ReplaceAll(controllerGroup, ".", "-") + "-v1-widget"
	return admissionv1.WebhookClientConfig{
		URL: ptr.To(fmt.Sprintf("https://127.0.0.1:%d/%s-%s", h.port, verb, path)), CABundle: h.authority,
	}
}

func (h *hooks) register(ctx context.Context, s *session) error {
	rule := func(operations ...admissionv1.OperationType) []admissionv1.RuleWithOperations {
		return []admissionv1.RuleWithOperations{{
			Operations: operations,
			Rule: admissionv1.Rule{
				APIGroups: []string{controllerGroup}, APIVersions: []string{"v1"}, Resources: []string{"widgets"},
			},
		}}
	}
	here := &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": s.namespace}}
	mutating := &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: hooksName},
		Webhooks: []admissionv1.MutatingWebhook{{
			Name: "paint.clients.example.com", ClientConfig: h.configOf("mutate"), NamespaceSelector: here,
			Rules: rule(admissionv1.Create), SideEffects: ptr.To(admissionv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
			MatchConditions: []admissionv1.MatchCondition{{
				Name: "not-plain", Expression: "!has(object.metadata.annotations) || !('plain' in object.metadata.annotations)",
			}},
		}},
	}
	validating := &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: hooksName},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name: "inspect.clients.example.com", ClientConfig: h.configOf("validate"), NamespaceSelector: here,
			Rules:       rule(admissionv1.Create, admissionv1.Update, admissionv1.Delete),
			SideEffects: ptr.To(admissionv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"},
		}},
	}
	registration := s.kube.AdmissionregistrationV1()
	made, err := registration.MutatingWebhookConfigurations().Create(ctx, mutating, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	made.Webhooks[0].ClientConfig = admissionv1.WebhookClientConfig{}
	say("mutating webhook", "object", made)
	if _, err := registration.ValidatingWebhookConfigurations().Create(ctx, validating, metav1.CreateOptions{}); err != nil {
		return err
	}
	return s.untilHooksAsked(ctx)
}

// untilHooksAsked waits until the server asks both: it takes up configurations in its own time.
func (s *session) untilHooksAsked(ctx context.Context) error {
	widgets := s.dynamic.Resource(widgetResource(controllerGroup)).Namespace(s.namespace)
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	return eventually(ctx, "webhooks are asked", func(ctx context.Context) (bool, error) {
		_, err := widgets.Create(ctx, widget(controllerGroup, "probe", map[string]any{"colour": "plaid"}), dry)
		if err == nil {
			return false, nil
		}
		made, err := widgets.Create(ctx, widget(controllerGroup, "probe", nil), dry)
		return err == nil && made.GetLabels()["painted-at"] != "", err
	})
}

func (h *hooks) unregister(ctx context.Context, s *session) error {
	registration := s.kube.AdmissionregistrationV1()
	if err := registration.MutatingWebhookConfigurations().Delete(ctx, hooksName, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return registration.ValidatingWebhookConfigurations().Delete(ctx, hooksName, metav1.DeleteOptions{})
}
