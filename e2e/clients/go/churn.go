// Other clients that write while informers watch: the same writes in each run, several writers on names of their own.
package main

import (
	"context"
	"fmt"
	"math/rand"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
)

type churn struct {
	s *session
	// What each writer knows to be there: the shade of each of its objects.
	alive []map[string]string
}

func newChurn(s *session) *churn {
	work := &churn{s: s}
	for range churnWriterSize {
		work.alive = append(work.alive, map[string]string{})
	}
	return work
}

func (c *churn) seed(ctx context.Context, count int) error {
	for at := range count {
		if err := c.put(ctx, at%churnWriterSize, fmt.Sprintf("object-%02d", at), at); err != nil {
			return err
		}
	}
	return nil
}

// run has every writer create, change and delete; round makes the writes others.
func (c *churn) run(ctx context.Context, round int64) error {
	var writers sync.WaitGroup
	failures := make(chan error, churnWriterSize)
	for writer := range churnWriterSize {
		writers.Add(1)
		go func() {
			defer writers.Done()
			chance := rand.New(rand.NewSource(round*100 + int64(writer)))
			for step := range churnRounds {
				name := fmt.Sprintf("object-%02d", chance.Intn(churnNameCount/churnWriterSize)*churnWriterSize+writer)
				if err := c.change(ctx, writer, name, step, chance); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	writers.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}

func (c *churn) change(ctx context.Context, writer int, name string, step int, chance *rand.Rand) error {
	shade, alive := c.alive[writer][name]
	if alive && chance.Intn(3) == 0 {
		delete(c.alive[writer], name)
		if err := c.s.kube.CoreV1().ConfigMaps(c.s.namespace).Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return err
		}
		return c.widgets().Delete(ctx, name, metav1.DeleteOptions{})
	}
	if alive && chance.Intn(3) == 0 {
		if c.alive[writer][name] = "dark"; shade == "dark" {
			c.alive[writer][name] = "light"
		}
	}
	return c.put(ctx, writer, name, step)
}

func (c *churn) put(ctx context.Context, writer int, name string, step int) error {
	shade, alive := c.alive[writer][name]
	if !alive {
		shade = []string{"dark", "light"}[step%2]
		c.alive[writer][name] = shade
	}
	labels := map[string]string{"shade": shade}
	configMaps := c.s.kube.CoreV1().ConfigMaps(c.s.namespace)
	made := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Data:       map[string]string{"step": strconv.Itoa(step)},
	}
	custom := widget(informerGroup, name, map[string]any{"size": int64(step % 90)})
	custom.SetLabels(labels)
	if !alive {
		if _, err := configMaps.Create(ctx, made, metav1.CreateOptions{}); err != nil {
			return err
		}
		_, err := c.widgets().Create(ctx, custom, metav1.CreateOptions{})
		return err
	}
	if _, err := configMaps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
		return err
	}
	current, err := c.widgets().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	custom.SetResourceVersion(current.GetResourceVersion())
	_, err = c.widgets().Update(ctx, custom, metav1.UpdateOptions{})
	return err
}

// touch writes something that no informer of this program watches.
func (c *churn) touch(ctx context.Context, round int) error {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "touched"}, StringData: map[string]string{"round": strconv.Itoa(round)},
	}
	secrets := c.s.kube.CoreV1().Secrets(c.s.namespace)
	if round == 0 {
		_, err := secrets.Create(ctx, secret, metav1.CreateOptions{})
		return err
	}
	if _, err := secrets.Update(ctx, secret, metav1.UpdateOptions{}); err != nil {
		return err
	}
	return pause(ctx)
}

func (c *churn) widgets() dynamic.ResourceInterface {
	return c.s.dynamic.Resource(widgetResource(informerGroup)).Namespace(c.s.namespace)
}
