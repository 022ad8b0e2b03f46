// Package kubetest decodes the manifests that sweep kube prints with the types of Kubernetes. It is a separate module,
// so that the program does not depend on these types. Nothing here asks a cluster.
package kubetest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// manifest returns what sweep kube prints.
func manifest(t *testing.T, args ...string) []byte {
	t.Helper()
	c := exec.Command("go", append([]string{"run", "./sweep", "kube"}, args...)...)
	c.Dir, c.Stderr = filepath.Join("..", ".."), t.Output()
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// decode decodes the manifest of a Job.
func decode(text []byte) (job batch.Job, err error) {
	err = decodeInto(text, &job)
	return job, err
}

// decodeInto decodes a manifest. It refuses fields that the type does not have, and fields that occur twice.
func decodeInto(text []byte, object any) error {
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	strict, err := json.UnmarshalStrict(asJSON, object)
	return errors.Join(append(strict, err)...)
}

// expand replaces $(NAME) in an argument as Kubernetes does if there is no variable NAME.
func expand(arg string) string { return strings.ReplaceAll(arg, "$$(", "$(") }

// TestJob decodes a manifest and compares its fields with what the flags say.
func TestJob(t *testing.T) {
	flags := []string{"-lr", "1e-3", "-out", "my study", "-notify", `echo "$(date): $SWEEP_MESSAGE" \ ü <&>`, "-reg", "0"}
	text := manifest(t, append([]string{"-shards", "16", "-name", "null", "-image", "registry.example/sweep:1", "-claim", "yes", "-cpus", "3", "-mem", "5", "--"}, flags...)...)
	job, err := decode(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if job.APIVersion != "batch/v1" || job.Kind != "Job" || job.Name != "null" {
		t.Errorf("%s %s %q", job.APIVersion, job.Kind, job.Name)
	}
	spec := job.Spec
	if *spec.CompletionMode != batch.IndexedCompletion || *spec.Completions != 16 || *spec.Parallelism != 16 || *spec.BackoffLimitPerIndex != 3 || *spec.PodReplacementPolicy != batch.Failed {
		t.Errorf("spec %+v", spec)
	}
	rules := spec.PodFailurePolicy.Rules
	if len(rules) != 2 || rules[0].Action != batch.PodFailurePolicyActionIgnore || rules[0].OnExitCodes != nil || len(rules[0].OnPodConditions) != 1 ||
		rules[0].OnPodConditions[0] != (batch.PodFailurePolicyOnPodConditionsPattern{Type: core.DisruptionTarget, Status: core.ConditionTrue}) {
		t.Errorf("disruptions: %+v", rules)
	}
	pod := spec.Template.Spec
	if len(pod.Containers) != 1 || pod.RestartPolicy != core.RestartPolicyNever || *pod.TerminationGracePeriodSeconds < 30 {
		t.Fatalf("pod %+v", pod)
	}
	c := pod.Containers[0]
	exit := rules[1].OnExitCodes
	if rules[1].Action != batch.PodFailurePolicyActionFailIndex || *exit.ContainerName != c.Name || exit.Operator != batch.PodFailurePolicyOnExitCodesOpIn || !slices.Equal(exit.Values, []int32{2}) {
		t.Errorf("bad input: %+v", rules[1])
	}
	var args []string
	for _, arg := range c.Args {
		args = append(args, expand(arg))
	}
	if want := append(append([]string{"-quiet"}, flags...), "-shard", "env/16"); !slices.Equal(args, want) || c.Command != nil {
		t.Errorf("arguments %q, want %q", args, want)
	}
	if c.Image != "registry.example/sweep:1" || c.WorkingDir != "/study" {
		t.Errorf("image %q in %q", c.Image, c.WorkingDir)
	}
	for _, list := range []core.ResourceList{c.Resources.Requests, c.Resources.Limits} {
		if len(list) != 2 || list.Cpu().String() != "3" || list.Memory().Value() != 5<<30 {
			t.Errorf("resources %v", list)
		}
	}
	if len(c.VolumeMounts) != 1 || len(pod.Volumes) != 1 || c.VolumeMounts[0].Name != pod.Volumes[0].Name || c.VolumeMounts[0].MountPath != c.WorkingDir || c.VolumeMounts[0].ReadOnly ||
		pod.Volumes[0].PersistentVolumeClaim.ClaimName != "yes" {
		t.Errorf("volumes %+v, %+v", c.VolumeMounts, pod.Volumes)
	}
}

// TestStrict checks that wrong manifests are refused.
func TestStrict(t *testing.T) {
	text := manifest(t, "-shards", "2", "-image", "i", "-claim", "c", "--", "-out", "o")
	if _, err := decode(text); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"completionMode", "completionsMode"}, {"backoffLimitPerIndex: 3", "backoffLimitPerIndex: three"}, {"completions: 2", "completions: 2\n  completions: 3"},
		{"onExitCodes", "onExitcodes"}, {"values: [2]", "values: 2"}, {"memory: 4Gi", "memory: 4 GB"},
	} {
		wrong := bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)
		if _, err := decode(wrong); err == nil || bytes.Equal(wrong, text) {
			t.Errorf("%s instead of %s is accepted", change[1], change[0])
		}
	}
}

// read returns a file of the documentation.
func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "machines", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestWorkers decodes the Deployment of workers, and checks what an API server checks and the types do not.
func TestWorkers(t *testing.T) {
	var d apps.Deployment
	text := read(t, "worker.yaml")
	if err := decodeInto(text, &d); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	pod := d.Spec.Template.Spec
	if d.APIVersion != "apps/v1" || d.Kind != "Deployment" || len(pod.Containers) != 1 || *pod.TerminationGracePeriodSeconds < 60 {
		t.Fatalf("%+v", d)
	}
	for name, value := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[name] != value {
			t.Errorf("the selector needs the label %s: %s", name, value)
		}
	}
	c := pod.Containers[0]
	if c.Args[0] != "worker" || !slices.Contains(c.Args, "-store") || strings.Contains(strings.Join(c.Args, " "), ":password") {
		t.Errorf("arguments %q", c.Args)
	}
	if len(c.Env) != 1 || c.Env[0].Name != "PGPASSWORD" || c.Env[0].Value != "" || c.Env[0].ValueFrom.SecretKeyRef.Key != "password" {
		t.Errorf("environment %+v", c.Env)
	}
	if c.Resources.Requests.Cpu().Cmp(*c.Resources.Limits.Cpu()) != 0 || c.Resources.Requests.Memory().Cmp(*c.Resources.Limits.Memory()) != 0 || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("resources %+v", c.Resources)
	}
	if len(c.VolumeMounts) != 1 || c.VolumeMounts[0].Name != pod.Volumes[0].Name || !slices.Contains(c.Args, c.VolumeMounts[0].MountPath) || !c.VolumeMounts[0].ReadOnly {
		t.Errorf("volumes %+v, %+v", c.VolumeMounts, pod.Volumes)
	}
	for _, change := range [][2]string{{"matchLabels", "matchLabel"}, {"secretKeyRef", "secretRef"}, {"replicas: 4", "replicas: four"}, {"replicas: 4", "replicas: 4\n  replicas: 5"}} {
		wrong := bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)
		if decodeInto(wrong, new(apps.Deployment)) == nil || bytes.Equal(wrong, text) {
			t.Errorf("%s instead of %s is accepted", change[1], change[0])
		}
	}
}

// TestCompose decodes the compose file with the words that it may use, because the types of compose are not here.
func TestCompose(t *testing.T) {
	type service struct {
		Image           string            `json:"image"`
		Build           string            `json:"build"`
		User            string            `json:"user"`
		Restart         string            `json:"restart"`
		Environment     map[string]string `json:"environment"`
		Command         []string          `json:"command"`
		Secrets         []string          `json:"secrets"`
		Volumes         []string          `json:"volumes"`
		Ports           []string          `json:"ports"`
		StopGracePeriod string            `json:"stop_grace_period"`
		Healthcheck     *struct {
			Test     []string `json:"test"`
			Interval string   `json:"interval"`
			Retries  int      `json:"retries"`
		} `json:"healthcheck"`
		DependsOn map[string]struct {
			Condition string `json:"condition"`
		} `json:"depends_on"`
	}
	var file struct {
		Services map[string]service  `json:"services"`
		Volumes  map[string]struct{} `json:"volumes"`
		Secrets  map[string]struct {
			File string `json:"file"`
		} `json:"secrets"`
	}
	if err := decodeInto(read(t, "compose.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	for name, s := range file.Services {
		for _, secret := range s.Secrets {
			if file.Secrets[secret].File == "" {
				t.Errorf("%s: there is no secret %s", name, secret)
			}
		}
		for other, after := range s.DependsOn {
			if _, ok := file.Services[other]; !ok {
				t.Errorf("%s: there is no service %s", name, other)
			}
			if healthy := after.Condition == "service_healthy"; healthy != (file.Services[other].Healthcheck != nil) {
				t.Errorf("%s: %s has the condition %s", name, other, after.Condition)
			}
		}
		if strings.Contains(strings.Join(s.Command, " "), "password") {
			t.Errorf("%s: %q", name, s.Command)
		}
	}
	if file.Services["worker"].Command[0] != "worker" || file.Services["worker"].StopGracePeriod != "60s" {
		t.Errorf("%+v", file.Services["worker"])
	}
}
