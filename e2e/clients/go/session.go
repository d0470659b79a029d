// What every command has: clients of the server, a namespace, and ways to wait.
package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

type session struct {
	config     *rest.Config
	kube       kubernetes.Interface
	dynamic    dynamic.Interface
	extensions apiextensions.Interface
	namespace  string
}

func openSession(ctx context.Context, namespace string) (*session, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	// What a client holds itself back by is no property of the server.
	config.QPS, config.Burst = 1000, 1000
	s := &session{config: config, namespace: namespace}
	if s.kube, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if s.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	if s.extensions, err = apiextensions.NewForConfig(config); err != nil {
		return nil, err
	}
	return s, s.makeNamespace(ctx)
}

// makeNamespace returns when pods may be made in it.
func (s *session) makeNamespace(ctx context.Context) error {
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}
	if _, err := s.kube.CoreV1().Namespaces().Create(ctx, made, metav1.CreateOptions{}); err != nil {
		return err
	}
	return eventually(ctx, "the namespace has its service account", func(ctx context.Context) (bool, error) {
		_, err := s.kube.CoreV1().ServiceAccounts(s.namespace).Get(ctx, "default", metav1.GetOptions{})
		if err == nil {
			_, err = s.kube.CoreV1().ConfigMaps(s.namespace).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		}
		return err == nil, ignoreNotFound(err)
	})
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// eventually polls until it holds, for a minute at most; what is asked may fail for good by an error.
func eventually(ctx context.Context, what string, holds wait.ConditionWithContextFunc) error {
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, holds)
	if wait.Interrupted(err) {
		return fmt.Errorf("it never came about: %s", what)
	}
	if err != nil {
		return fmt.Errorf("while waiting until %s: %w", what, err)
	}
	return nil
}

// pause lets a moment pass between writes, so that a loop of them does not take the whole machine.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}
