package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	// Realm is that of all principals of a KDC.
	Realm = "WASMFLOW.TEST"
	// brokerPrincipal is what clients ask a ticket for: the service and the host of an address.
	brokerPrincipal = "kafka/127.0.0.1"
	// HDFSPrincipal is that of all nodes of HDFS, and its superuser.
	HDFSPrincipal = "hdfs/127.0.0.1"
	// webPrincipal is that of HTTP servers.
	webPrincipal = "HTTP/127.0.0.1"
	// hadoopRelease has the key distribution center.
	hadoopRelease = "3.4.1"
)

// KDC is a Kerberos key distribution center that runs.
type KDC struct {
	dir     string
	ports   ports
	process *process
}

// StartKDC starts a center that knows UserAdmin, UserNobody, the brokers and the nodes of HDFS.
func StartKDC(ctx context.Context) (d *KDC, err error) {
	ctx, cancel := context.WithTimeout(ctx, startMax)
	defer cancel()
	d = &KDC{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("starting a KDC: %w", err), d.Close())
			d = nil
		}
	}()
	lib, err := jars(ctx, "minikdc-"+hadoopRelease,
		artefact{"org.apache.hadoop", "hadoop-minikdc", hadoopRelease,
			[]exclusion{{"org.slf4j", "slf4j-reload4j"}}},
		artefact{"org.slf4j", "slf4j-simple", "1.7.36", nil})
	if err != nil {
		return d, err
	}
	java, err := newJava(ctx, lib)
	if err != nil {
		return d, err
	}
	if d.dir, err = os.MkdirTemp("", "wasmflow-kdc-"); err != nil {
		return d, fmt.Errorf("making the data folder: %w", err)
	}
	port, err := d.ports.take()
	if err != nil {
		return d, err
	}
	config := filepath.Join(d.dir, "kdc.properties")
	text := fmt.Sprintf("kdc.port=%d\nkdc.bind.address=127.0.0.1\ntransport=TCP\n"+
		"org.name=WASMFLOW\norg.domain=TEST\n", port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return d, fmt.Errorf("writing the configuration: %w", err)
	}
	argv := java.command([]string{"-Xmx128m"}, "org.apache.hadoop.minikdc.MiniKdc",
		d.dir, config, d.Keytab(), UserAdmin, UserNobody, brokerPrincipal, HDFSPrincipal, webPrincipal)
	d.process, err = start(ctx, "the KDC", filepath.Join(d.dir, "kdc.log"),
		"Standalone MiniKdc Running", argv)
	return d, err
}

// Config returns the path of a krb5.conf for clients.
func (d *KDC) Config() string { return filepath.Join(d.dir, "krb5.conf") }

// Keytab returns the path of the keys of all principals.
func (d *KDC) Keytab() string { return filepath.Join(d.dir, "keytab") }

// jaas returns the login module of brokers.
func (d *KDC) jaas() string {
	return fmt.Sprintf(`com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true `+
		`storeKey=true keyTab="%s" principal="%s@%s";`, d.Keytab(), brokerPrincipal, Realm)
}

// Close ends the center and removes its keys.
func (d *KDC) Close() error {
	if d.process != nil {
		d.process.kill()
	}
	err := d.ports.free()
	if d.dir != "" {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	return err
}
