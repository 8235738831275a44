#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/prctl.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdlib.h>
#include <errno.h>
static pthread_barrier_t b;
#define W pthread_barrier_wait(&b)
static long add(const char*d,long r){return syscall(SYS_add_key,"user",d,"s3cr3t-payload",14,r);}
static long K(int op,long a,long c,long d,long e){return syscall(SYS_keyctl,op,a,c,d,e);}
static long look(long r){return K(KEYCTL_GET_KEYRING_ID,r,0,0,0);}
static long rd(long k){char x[64];return K(KEYCTL_READ,k,(long)x,64,0);}
static long se(long r,const char*d){return K(KEYCTL_SEARCH,r,(long)"user",(long)d,0);}
static long rq(const char*d){return syscall(SYS_request_key,"user",d,0,0);}
static void join(){K(KEYCTL_JOIN_SESSION_KEYRING,0,0,0,0);}
static const char*m; static long k1;
static int is(const char*s){return !strcmp(m,s);}
static void* t(void*u){
  if(is("second")){W;W;k1=add("mine",-2);rd(k1);}
  if(is("second-near")){long k=add("mine",-2);rd(k);}
  if(is("older")){W;W;look(-2);}
  if(is("older-near")){look(-2);se(-2,"shared");}
  if(is("other-thread")){k1=add("mine",-1);rd(k1);W;W;}
  if(is("other-thread-near")){k1=add("mine",-2);rd(k1);W;W;}
  if(is("thread-ended")){k1=add("mine",-1);}
  if(is("thread-ended-near")){k1=add("mine",-1);K(KEYCTL_LINK,k1,-2,0,0);}
  if(is("worker-p")){k1=add("mine",-2);rd(k1);}
  if(is("pinned")){k1=add("mine",-1);rd(k1);open("/dev/null",O_RDONLY);}
  if(is("pinned-near")){k1=add("mine",-1);rd(k1);close(open("/dev/null",O_RDONLY));}
  if(is("fork-thread")){W;W;}
  return 0;}
int main(int c,char**v){
  m=v[1]; pthread_t p; pthread_barrier_init(&b,0,2);
#define T pthread_create(&p,0,t,0)
#define J pthread_join(p,0)
#define FORK(x) do{pid_t q=fork();if(!q){x;_exit(0);}waitpid(q,0,0);}while(0)
  if(is("second")){T;W;k1=add("shared",-2);rd(k1);W;J;}
  if(is("second-near")){k1=add("shared",-2);rd(k1);T;J;}
  if(is("older")){T;W;k1=add("shared",-2);rd(k1);W;J;}
  if(is("older-near")){k1=add("shared",-2);rd(k1);T;J;}
  if(is("other-thread")){T;W;rq("mine");W;J;}
  if(is("other-thread-near")){look(-2);K(KEYCTL_GET_KEYRING_ID,-2,1,0,0);T;W;rq("mine");W;J;}
  if(is("forked")){k1=add("shared",-2);rd(k1);FORK(se(-2,"shared");rq("shared"));}
  if(is("forked-near")){join();k1=add("shared",-3);rd(k1);FORK(rq("shared"));}
  if(is("execve")){k1=add("shared",-2);rd(k1);K(KEYCTL_CLEAR,-2,0,0,0);execl(v[0],v[0],"execve-2",NULL);}
  if(is("execve-2")){look(-2);}
  if(is("execve-near")){join();k1=add("shared",-3);rd(k1);execl(v[0],v[0],"execve-near-2",NULL);}
  if(is("execve-near-2")){rq("shared");}
  if(is("secret")){k1=add("shared",-2);rd(k1);execl(v[0],v[0],"secret-2",NULL);}
  if(is("secret-near")){k1=add("shared",-2);rd(k1);K(KEYCTL_CLEAR,-2,0,0,0);execl(v[0],v[0],"secret-2",NULL);}
  if(is("secret-2")){k1=add("own",-1);rd(k1);}
  if(is("processes")){FORK(k1=add("shared",-2);rd(k1));FORK(se(-2,"shared"));}
  if(is("processes-near")){join();FORK(k1=add("shared",-3);rd(k1));FORK(se(-3,"shared"));}
  if(is("session")){join();k1=add("shared",-3);rd(k1);join();se(-3,"shared");}
  if(is("session-near")){join();k1=add("shared",-3);rd(k1);se(-3,"shared");}
  if(is("thread-ended")||is("thread-ended-near")){K(KEYCTL_GET_KEYRING_ID,-2,1,0,0);T;J;getppid();}
  if(is("worker-p")){T;J;se(-2,"mine");}
  if(is("not-possessed")){k1=add("shared",-2);FORK(rd(k1));rd(k1);}
  if(is("not-possessed-near")){k1=add("shared",-2);K(KEYCTL_SETPERM,k1,0x3f3f0000,0,0);FORK(rd(k1));rd(k1);}
  if(is("ids")){k1=add("shared",-2);rd(k1);syscall(SYS_setresuid,-1,1000,-1);K(KEYCTL_SETPERM,-2,0x3f3f0000,0,0);}
  if(is("ids-near")){k1=add("shared",-2);rd(k1);K(KEYCTL_SETPERM,-2,0x3f3f0000,0,0);syscall(SYS_setresuid,-1,1000,-1);}
  if(is("mask")){k1=add("shared",-2);K(KEYCTL_SETPERM,k1,0,0,0);rd(k1);}
  if(is("mask-near")){k1=add("shared",-2);K(KEYCTL_SETPERM,k1,0x3f000000,0,0);rd(k1);}
  if(is("revoked")){k1=add("shared",-2);rd(k1);K(KEYCTL_REVOKE,k1,0,0,0);rd(k1);rq("shared");}
  if(is("revoked-near")){k1=add("shared",-2);rd(k1);K(KEYCTL_REVOKE,k1,0,0,0);k1=add("shared",-2);rd(k1);}
  if(is("expired")){k1=add("shared",-2);rd(k1);K(KEYCTL_SET_TIMEOUT,k1,1,0,0);sleep(2);rd(k1);rq("shared");}
  if(is("expired-near")){k1=add("shared",-2);rd(k1);K(KEYCTL_SET_TIMEOUT,k1,100,0,0);rd(k1);rq("shared");}
  if(is("invalidated")){k1=add("shared",-2);rd(k1);K(KEYCTL_INVALIDATE,k1,0,0,0);rd(k1);}
  if(is("invalidated-near")){k1=add("shared",-2);rd(k1);K(KEYCTL_INVALIDATE,k1,0,0,0);}
  if(is("destroyed")){k1=add("shared",-2);rd(k1);K(KEYCTL_UNLINK,k1,-2,0,0);usleep(300000);rd(k1);}
  if(is("destroyed-near")){k1=add("shared",-2);K(KEYCTL_LINK,k1,-1,0,0);K(KEYCTL_UNLINK,k1,-2,0,0);rd(k1);}
  if(is("quota")){syscall(SYS_setresuid,4711,4711,4711);char*big=calloc(1,20000);for(int i=0;i<2;i++){char n[9];sprintf(n,"k%d",i);k1=syscall(SYS_add_key,"user",n,big,15000,-1);if(k1>0)rd(k1);}}
  if(is("quota-near")){syscall(SYS_setresuid,4712,4712,4712);char*big=calloc(1,20000);for(int i=0;i<2;i++){char n[9];sprintf(n,"k%d",i);k1=syscall(SYS_add_key,"user",n,big,1500,-1);rd(k1);}}
  if(is("callout")){syscall(SYS_request_key,"user","no-such-thing","",0);}
  if(is("callout-near")){rq("no-such-thing");}
  if(is("seccomp")){look(-2);struct sock_filter f[]={BPF_STMT(BPF_LD|BPF_W|BPF_ABS,offsetof(struct seccomp_data,nr)),BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K,SYS_add_key,0,1),BPF_STMT(BPF_RET|BPF_K,SECCOMP_RET_ERRNO|EPERM),BPF_STMT(BPF_RET|BPF_K,SECCOMP_RET_ALLOW)};
    struct sock_fprog pr={4,f};prctl(PR_SET_NO_NEW_PRIVS,1,0,0,0);prctl(PR_SET_SECCOMP,2,&pr,0,0);add("shared",-2);}
  if(is("seccomp-near")){syscall(SYS_add_key,".dot","shared","x",1,-2);}
  if(is("pinned")||is("pinned-near")){T;J;getppid();}
  if(is("timeout")){k1=add("shared",-2);K(KEYCTL_SET_TIMEOUT,k1,100,0,0);add("shared",-2);rd(k1);}
  if(is("timeout-near")){k1=add("shared",-2);K(KEYCTL_SET_TIMEOUT,k1,100,0,0);add("shared",-2);K(KEYCTL_SET_TIMEOUT,k1,100,0,0);rd(k1);}
  if(is("exits")){k1=add("shared",-2);}
  if(is("exits-near")){k1=add("shared",-2);rd(k1);}
  return 0;}
