//! tmp
fn main(){ let t=std::time::Instant::now(); let p=std::env::args().nth(1).unwrap(); let mut r=strace::runs(&[p.into()]).unwrap()[0].open().unwrap(); let mut n=0u64; let mut ok=0u64;
while let Some(e)=r.next().unwrap(){ n+=1; if let strace::What::Call(c)=e.what { if let Some(a)=c.arg(0){ ok+=u64::from(a.number().is_some()); } } }
println!("{n} {ok} {:?} {:?}",r.counts().lines,t.elapsed()); }
