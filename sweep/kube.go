package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// kubeDir is the folder where the pods see the volume of the study.
const kubeDir = "/study"

// kube prints a manifest of Kubernetes that trains the shards of a study.
func kube(_ context.Context, args []string, stdout, _ io.Writer) error {
	b, fs := newBatch("kube")
	fs.Func("image", "", func(s string) error {
		if s == "" || strings.ContainsAny(s, " \t\n") {
			return errors.New("give the name of an image whose program is sweep")
		}
		b.Image = s
		return nil
	})
	fs.Func("claim", "", func(s string) error {
		if len(s) > 253 || !label.MatchString(s) {
			return errors.New("give the name of a PersistentVolumeClaim that all pods can write to")
		}
		b.Claim = s
		return nil
	})
	if err := b.parse(fs, args); err != nil {
		return err
	}
	out := path.Clean(b.out)
	switch {
	case b.Image == "":
		return badInput{errors.New("-image is missing; name an image whose program is sweep")}
	case b.Claim == "":
		return badInput{errors.New("-claim is missing; name a PersistentVolumeClaim that all pods can write to")}
	case path.IsAbs(out) && !strings.HasPrefix(out, kubeDir+"/"), out == "..", strings.HasPrefix(out, "../"):
		return badInput{fmt.Errorf("-out %s is not in the volume, and would be lost; name a folder in %s, where the pods start", b.out, kubeDir)}
	}
	for _, arg := range append(b.study, "-shard", fmt.Sprintf("env/%d", b.Shards)) {
		b.Args = append(b.Args, strings.ReplaceAll(arg, "$(", "$$(")) // Kubernetes replaces $(NAME) in arguments
	}
	b.Dir, b.Merge = kubeDir, quote([]string{"sweep", "merge", b.out})
	return b.print(stdout, kubeManifest)
}

const kubeManifest = `# {{.Shards}} shards of a study, one for each index of a Job. Printed by sweep kube.
# Apply it with kubectl apply -f FILE. When the Job is complete, join the shards
# in {{.Dir}} of a pod that has the volume:
#   {{.Merge}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{json .Name}}
spec:
  completionMode: Indexed
  completions: {{.Shards}}
  parallelism: {{.Shards}}
  # A pod that was disrupted is replaced without limit. Another one that failed
  # is replaced at most 3 times, and never if its flags or data are wrong.
  backoffLimitPerIndex: 3
  podReplacementPolicy: Failed
  podFailurePolicy:
    rules:
    - action: Ignore
      onPodConditions:
      - type: DisruptionTarget
        status: "True"
    - action: FailIndex
      onExitCodes:
        containerName: sweep
        operator: In
        values: [2]
  template:
    spec:
      restartPolicy: Never
      # After SIGTERM, the sweep saves its blocks. The next pod resumes them.
      terminationGracePeriodSeconds: 60
      containers:
      - name: sweep
        image: {{json .Image}}
        workingDir: {{.Dir}}
        args:{{range .Args}}
        - {{json .}}{{end}}
        resources:
          # The sweep uses as many cores as the limit says.
          requests:
            cpu: "{{.CPUs}}"
            memory: {{.Mem}}Gi
          limits:
            cpu: "{{.CPUs}}"
            memory: {{.Mem}}Gi
        volumeMounts:
        - name: study
          mountPath: {{.Dir}}
      volumes:
      - name: study
        persistentVolumeClaim:
          claimName: {{json .Claim}}
`
