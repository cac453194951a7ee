package hdfs

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/spnego"
)

// Kerberos says who logs in. One of Keytab and Cache is set.
type Kerberos struct {
	Principal string // without its realm, which is Realm or the default one of Config
	Realm     string
	Keytab    string // file with the key of the principal
	Cache     string // file with tickets that kinit got
	Config    string // krb5.conf
	Service   string // of the NameNodes, such as nn/_HOST
}

// kerberos is a login.
type kerberos struct {
	client *client.Client
	cache  bool
	mu     sync.Mutex // one login at a time
	done   bool
}

func newKerberos(o *Kerberos) (*kerberos, error) {
	conf, err := config.Load(o.Config)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of Kerberos %s: %w", o.Config, err)
	}
	// Centers that are no Windows servers know nothing of its fast negotiation.
	plainly := client.DisablePAFXFAST(true)
	if o.Keytab == "" {
		cache, err := credentials.LoadCCache(o.Cache)
		if err != nil {
			return nil, fmt.Errorf("reading the tickets in %s: %w; run kinit", o.Cache, err)
		}
		c, err := client.NewFromCCache(cache, conf, plainly)
		if err != nil {
			return nil, fmt.Errorf("using the tickets in %s: %w; run kinit", o.Cache, err)
		}
		o.Principal = c.Credentials.UserName()
		return &kerberos{client: c, cache: true}, nil
	}
	keys, err := keytab.Load(o.Keytab)
	if err != nil {
		return nil, fmt.Errorf("reading the keytab %s: %w", o.Keytab, err)
	}
	realm := o.Realm
	if realm == "" {
		realm = conf.LibDefaults.DefaultRealm
	}
	return &kerberos{client: client.NewWithKeytab(o.Principal, realm, keys, conf, plainly)}, nil
}

// login gets a ticket-granting ticket, which the library renews from then on.
func (k *kerberos) login() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cache || k.done {
		return nil
	}
	if err := k.client.Login(); err != nil {
		return fmt.Errorf("getting a Kerberos ticket for %s: %w; check the principal, its keytab "+
			"and its realm", k.client.Credentials.UserName(), err)
	}
	k.done = true
	return nil
}

// authorize adds a ticket for the HTTP server that req goes to.
func (k *kerberos) authorize(req *http.Request) error {
	if err := k.login(); err != nil {
		return err
	}
	service := "HTTP/" + hostOf(req.URL)
	if err := spnego.SetSPNEGOHeader(k.client, req, service); err != nil {
		return fmt.Errorf("getting a Kerberos ticket for %s: %w", service, err)
	}
	return nil
}

func hostOf(u *url.URL) string { return strings.ToLower(u.Hostname()) }

// cacheFile returns where kinit leaves tickets, by the variable KRB5CCNAME or its default.
func cacheFile(lookup func(string) (string, bool)) string {
	if name, ok := lookup("KRB5CCNAME"); ok {
		return strings.TrimPrefix(name, "FILE:")
	}
	return fmt.Sprintf("%s/krb5cc_%d", os.TempDir(), os.Getuid())
}
